"""Lost keys: start and confirm that they are replaced, stop it, and recovery codes."""

from typing import Final
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.attempts import count_attempt
from cpms_core.audit import Event, record
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity import recovery, recovery_codes
from cpms_core.identity.models import Recovery
from cpms_web.pages_people import ticket_page
from cpms_web.pages_person import person_page

_HELP = "people.recover"
_ONE = "/recoveries/{recovery_id:uuid}"
MOST_TRIES: Final = {"address": 10, "network": 60, "site": 600}
"""Within five minutes."""


@route(
    "POST",
    "/people/{person_id:uuid}/recovery",
    permission=_HELP,
    event=Event.RECOVERY_STARTED,
)
def start(visit: PageVisit, person_id: UUID) -> Answer:
    reason = visit.field("reason")
    try:
        recovery.start_recovery(visit.session, visit.actor, person_id, reason)
    except InvalidError as error:
        if not error.fields:
            raise
        return person_page(visit, person_id, {"reason": reason}, error.fields)
    return Redirect(
        f"/people/{person_id}", "Started. Nothing is changed until somebody else confirms it."
    )


@route(
    "POST",
    _ONE + "/confirm",
    permission=_HELP,
    event=Event.RECOVERY_CONFIRMED,
    step_up="replace a person's keys",
)
def confirm(visit: PageVisit, recovery_id: UUID) -> Answer:
    """Link and code are shown to the one who confirmed, once."""
    is_checked = visit.field("checked") == "on"
    try:
        ticket = recovery.confirm_recovery(
            visit.session, visit.actor, visit.site.key, recovery_id, is_checked=is_checked
        )
    except InvalidError as error:
        if not error.fields:
            raise
        person_id = visit.session.get_one(Recovery, recovery_id).user_id
        return person_page(visit, person_id, {}, error.fields)
    return ticket_page(visit, ticket, is_new=False)


@route("POST", _ONE + "/give-up", permission=_HELP, event=Event.RECOVERY_GIVEN_UP)
def give_up(visit: PageVisit, recovery_id: UUID) -> Answer:
    person_id = recovery.give_up(visit.session, visit.actor, recovery_id)
    return Redirect(f"/people/{person_id}", "Given up. The person's keys are as they were.")


@route("POST", "/me/recovery/stop", permission="site.use", event=Event.RECOVERY_GIVEN_UP)
def stop(visit: PageVisit) -> Answer:
    recovery.stop_own(visit.session, visit.actor)
    return Redirect("/me", "Stopped. Your keys stay as they are.")


@route("GET", "/me/recovery-codes", permission="site.use", event=Event.PROFILE_READ)
def show_codes(visit: PageVisit) -> Answer:
    record(visit.session, visit.actor, Event.PROFILE_READ)
    left = recovery_codes.count_codes(visit.session, visit.actor)
    return Page(template="web/recover_codes.html", values={"left": left, "codes": ()})


@route(
    "POST",
    "/me/recovery-codes",
    permission="site.use",
    event=Event.RECOVERY_CODES_MADE,
    step_up="make new recovery codes",
)
def make_codes(visit: PageVisit) -> Answer:
    """Shown once: only their digests are kept."""
    codes = recovery_codes.make_codes(visit.session, visit.actor)
    return Page(template="web/recover_codes.html", values={"left": len(codes), "codes": codes})


@route("GET", "/recover", permission="site.enter", event=None)
def show_recover(visit: PageVisit) -> Answer:
    del visit
    return Page(template="web/recover.html", values={"is_sent": False})


@route("POST", "/recover", permission="site.enter", event=None, rate="ceremony")
def recover(visit: PageVisit) -> Answer:
    """The same page for whatever was typed: it tells nobody whether it was right."""
    email, code = visit.field("email", max_length=300), visit.field("code", max_length=300)
    mine = f"{email.casefold()}\0{visit.network}"
    count_attempt(visit.session, "recover at all", "", MOST_TRIES["site"])
    count_attempt(visit.session, "recover from", visit.network, MOST_TRIES["network"])
    count_attempt(visit.session, "recover as", mine, MOST_TRIES["address"])
    recovery_codes.use_code(visit.session, email, code)
    return Page(template="web/recover.html", values={"is_sent": True})


ROUTES = (start, confirm, give_up, stop, show_codes, make_codes, show_recover, recover)

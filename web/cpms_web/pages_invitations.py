"""What one person answers: an invitation, with or without a deputy, or a new case in an area."""

from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.db import new_id
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.page.queries import read_panel
from cpms_core.panels.requests.areas_followed import (
    end_notice,
    offer_to_join,
    read_area_case,
    renew_notice,
)
from cpms_core.panels.seats.deputies import decline_invitation, list_deputies
from cpms_core.panels.seats.members import answer_invitation
from cpms_web.panel_frame import around, one_of, person_ids

_PANEL = "/panels/{panel_id:uuid}"
_TITLES = {"reason": "A word to the lead", "deputy": "Who could come instead"}
_DECLINED = "You have declined, and the case is closed to you again."


@route("POST", _PANEL + "/answer", permission="panel.answer", event=Event.INVITATION_ANSWERED)
def answer(visit: PageVisit, panel_id: UUID) -> Answer:
    said = visit.field("answer", max_length=10)
    if said not in {"accept", "decline"}:
        raise InvalidError("Say whether you accept or decline.")
    answer_invitation(visit.session, visit.actor, panel_id, accept=said == "accept")
    if said == "accept":
        return Redirect(f"/panels/{panel_id}", "You are on the panel. Thank you.")
    return Redirect("/", _DECLINED)


@route("GET", _PANEL + "/decline", permission="panel.answer", event=Event.CASE_READ)
def show_decline(visit: PageVisit, panel_id: UUID) -> Answer:
    return _decline_page(visit, panel_id)


@route("POST", _PANEL + "/decline", permission="panel.answer", event=Event.INVITATION_ANSWERED)
def decline(visit: PageVisit, panel_id: UUID) -> Answer:
    """With a word, and perhaps a deputy."""
    reason, chosen = visit.field("reason", max_length=4000), person_ids(visit, "deputy")
    try:
        deputy = one_of(chosen, "Name one deputy.") if chosen else None
        with visit.session.begin_nested():  # the answer with the deputy, or nothing
            named = decline_invitation(visit.session, visit.actor, panel_id, reason, deputy)
    except InvalidError as error:
        fields = error.fields or {"deputy": str(error)}
        return _decline_page(visit, panel_id, fields, {"reason": reason})
    return Redirect("/", f"{_DECLINED} {named.name} is invited instead." if named else _DECLINED)


@route("GET", _PANEL + "/offer", permission="panel.offer", event=Event.CASE_READ)
def show_offer(visit: PageVisit, panel_id: UUID) -> Answer:
    return _offer_page(visit, panel_id)


@route("POST", _PANEL + "/offer", permission="panel.offer", event=Event.MEMBER_OFFERED)
def offer(visit: PageVisit, panel_id: UUID) -> Answer:
    word = visit.field("word", max_length=4000)
    try:
        offer_to_join(visit.session, visit.actor, panel_id, word)
    except InvalidError as error:
        return _offer_page(visit, panel_id, error.fields, word)
    return Redirect("/", "Offered. If the panel accepts, the case appears here on Home.")


@route("POST", _PANEL + "/offer/not-for-me", permission="panel.offer", event=Event.NOTICE_ENDED)
def end(visit: PageVisit, panel_id: UUID) -> Answer:
    """To the page where it can be taken back."""
    end_notice(visit.session, visit.actor, panel_id)
    return Redirect(f"/panels/{panel_id}/offer")


@route("POST", _PANEL + "/offer/tell-me", permission="panel.offer", event=Event.NOTICE_RENEWED)
def renew(visit: PageVisit, panel_id: UUID) -> Answer:
    renew_notice(visit.session, visit.actor, panel_id)
    return Redirect("/", "You are told of this case again.")


def _decline_page(
    visit: PageVisit,
    panel_id: UUID,
    problems: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
) -> Page:
    panel = read_panel(visit.session, visit.actor, visit.site.registry, panel_id)
    values: dict[str, Any] = {
        **around(visit, panel.frame.case_id, "panel"),
        "panel": panel,
        "deputies": list_deputies(visit.session, visit.actor, panel_id),
        "chosen": visit.form.get("deputy", [""])[0],
        "titles": _TITLES,
        "typed": typed or {"reason": ""},
        "problems": problems or {},
    }
    return Page(template="web/decline.html", values=values, status=422 if problems else 200)


def _offer_page(
    visit: PageVisit, panel_id: UUID, problems: dict[str, str] | None = None, word: str = ""
) -> Page:
    case = read_area_case(visit.session, visit.actor, visit.site.registry, panel_id)
    values: dict[str, Any] = {
        "case": case,
        "once": str(new_id()),
        "titles": {"word": "A word to the lead"},
        "typed": {"word": word},
        "problems": problems or {},
    }
    return Page(template="web/offer.html", values=values, status=422 if problems else 200)


ROUTES = (answer, show_decline, decline, show_offer, offer, end, renew)

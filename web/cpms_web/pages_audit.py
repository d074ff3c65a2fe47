"""The audit: who did what to whose data, as far as the reader may know."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from msgspec.structs import replace

from cpms_core import Answer, Page, route
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.audit_queries import MOST_COUNTED, Chain, read_audit, read_chain
from cpms_core.audit_scope import Filters
from cpms_core.http.visit import PageVisit
from cpms_web.audit_words import SOURCES, WORDS, details_in_words, in_words, roles_in_words
from cpms_web.paging import page_number


def _check_chain(visit: PageVisit) -> Chain | None:
    """For administrators. It takes long, so it happens before the page's own transaction."""
    if Role.SYSTEM_ADMIN not in visit.actor.roles:
        return None
    return read_chain(visit.session, is_asked=visit.query.get("check") == "yes")


@route("GET", "/audit", permission="audit.read", event=Event.AUDIT_READ, prepare=_check_chain)
def show_audit(visit: PageVisit) -> Answer:
    return _page(visit, is_about_me=False)


@route("GET", "/audit/mine", permission="audit.read", event=Event.AUDIT_READ)
def show_mine(visit: PageVisit) -> Answer:
    return _page(visit, is_about_me=True)


def _page(visit: PageVisit, *, is_about_me: bool) -> Answer:
    filters, problem = _filters(visit)
    number = page_number(visit)
    values: dict[str, Any] = {
        "audit": read_audit(visit.session, visit.actor, filters, number, is_about_me=is_about_me),
        "is_about_me": is_about_me,
        "path": "/audit/mine" if is_about_me else "/audit",
        "chain": visit.prepared,
        "filters": filters,
        "day": visit.query.get("on", "").strip()[:20],
        "problem": problem,
        "is_filtered": filters != Filters(),
        "address": "?" + urlencode(_given(filters)).replace("%", "%%") + "&page=%d",
        "scope": _ABOUT_ME if is_about_me else _scope(visit.actor),
        "most": MOST_COUNTED,
        "in_words": in_words,
        "details_in_words": details_in_words,
        "roles_in_words": roles_in_words,
        "kinds": _kinds(),
    }
    return Page(template="web/audit.html", values=values)


def _filters(visit: PageVisit) -> tuple[Filters, str]:
    """What is looked for, and what is wrong with the day if something is."""
    given = {name: visit.query.get(name, "").strip()[:120] for name in ("case", "person", "kind")}
    filters = Filters(case=given["case"], person=given["person"], kind=given["kind"])
    day = visit.query.get("on", "").strip()
    try:
        return replace(filters, on=date.fromisoformat(day) if day else None), ""
    except ValueError:
        return filters, "Write a day such as 2026-11-22."


def _given(filters: Filters) -> dict[str, str]:
    """The filters that are set, as the address holds them."""
    values = {"case": filters.case, "person": filters.person, "kind": filters.kind}
    values["on"] = filters.on.isoformat() if filters.on else ""
    return {name: value for name, value in values.items() if value}


_ABOUT_ME = (
    "Who read, changed or exported the cases that you opened, wrote in or sent, at your centre;"
    " and what was done to your account."
)


def _scope(actor: Actor) -> str:
    """Which events this reader sees, in a sentence."""
    if Role.SYSTEM_ADMIN in actor.roles:
        return "Every event of this site."
    seen = ["what you did"]
    if actor.centres(Role.CENTRE_MANAGER):
        seen.append("what was done to your centre's patients, cases and people")
    if actor.erns(Role.DISPATCHER, Role.COORDINATOR):
        seen.append("what was done to requests to your ERN")
    return f"You see {', and '.join(seen)}."


def _kinds() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(source, its title, its tags with their words), for the filter."""
    return [
        (
            f"{source}:",
            title,
            [
                (str(event), text[:1].upper() + text[1:])
                for event, text in WORDS.items()
                if event.startswith(f"{source}:")
            ],
        )
        for source, title in SOURCES.items()
    ]


ROUTES = (show_audit, show_mine)

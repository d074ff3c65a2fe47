"""What machines ask that has no page: JSON, for whoever holds a token for it."""

from uuid import UUID

from cpms_core import Answer, Data, route
from cpms_core.audit import Event
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.case_list import list_cases


@route("GET", "/api/cases", permission="site.work", event=Event.CASES_LISTED, api="case.list")
def show_cases(visit: PageVisit) -> Answer:
    """`next` leads to the following page; null on the last one."""
    found = list_cases(visit.session, visit.actor, _after(visit))
    following = f"/api/cases?after={found.next_after}" if found.next_after else None
    return Data(value={"cases": found.cases, "next": following})


def _after(visit: PageVisit) -> UUID | None:
    given = visit.query.get("after", "")
    try:
        return UUID(given) if given else None
    except ValueError as error:
        raise InvalidError("“after” is the id of a case. Follow “next” as it is given.") from error


ROUTES = (show_cases,)

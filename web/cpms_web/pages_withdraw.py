"""Withdraw a case: first what it would do, then the act."""

from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.http.visit import PageVisit
from cpms_core.panels.after.withdrawing import preview_case_withdrawal, withdraw

_PATH = "/cases/{case_id:uuid}/withdraw"


@route("GET", _PATH, permission="case.withdraw", event=Event.CASE_READ)
def show_withdrawal(visit: PageVisit, case_id: UUID) -> Answer:
    found = preview_case_withdrawal(visit.session, visit.actor, case_id)
    return Page(template="web/withdraw_case.html", values={"case_id": case_id, "found": found})


@route("POST", _PATH, permission="case.withdraw", event=Event.CASE_WITHDRAWN)
def withdraw_it(visit: PageVisit, case_id: UUID) -> Answer:
    withdraw(visit.session, visit.actor, case_id)
    return Redirect(f"/cases/{case_id}", "The case is withdrawn.")


ROUTES = (show_withdrawal, withdraw_it)

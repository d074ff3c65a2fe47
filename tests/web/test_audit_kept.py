"""No act without its event: if the audit cannot be written, nothing is done and nothing shown."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from cpms_core.audit import AuditEvent
from cpms_core.cases.models import Case, Record
from cpms_core.db import Base
from tests import factories
from tests.site import Browser, TestSite
from tests.web.attempts import REQUEST
from tests.web.refusing import refusing


def count(site: TestSite, table: type[Base]) -> int:
    with site.transaction() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def with_case(site: TestSite, **values: Any) -> tuple[Browser, UUID]:
    ana = site.person()
    with site.transaction() as session:
        return ana, factories.make_case(session, ana.actor, **values).id


def test_a_change_whose_event_cannot_be_written_is_not_made(site: TestSite) -> None:
    ana, case = with_case(site)
    with site.transaction() as session:
        patient = session.get_one(Case, case).patient_id
    with refusing(site, "audit_event"):
        assert ana.post(f"/patients/{patient}/cases").status_code >= 500
        saved = ana.post(f"/cases/{case}/records/core.request", {**REQUEST, "_base": "0"})
        assert saved.status_code >= 500
    assert (count(site, Case), count(site, Record), count(site, AuditEvent)) == (1, 0, 0)
    saved = ana.post(f"/cases/{case}/records/core.request", {**REQUEST, "_base": "0"})
    assert saved.status_code == 303
    assert (count(site, Record), count(site, AuditEvent)) == (1, 1)


def test_a_page_whose_event_cannot_be_written_is_not_shown(site: TestSite) -> None:
    ana, case = with_case(site, pseudonym="Wren-77")
    assert "Wren-77" in ana.get(f"/cases/{case}").text
    with refusing(site, "audit_event"):
        answer = ana.get(f"/cases/{case}")
    assert answer.status_code >= 500
    assert "Wren-77" not in answer.text


def test_an_event_whose_change_cannot_be_made_is_not_kept(site: TestSite) -> None:
    ana, case = with_case(site)
    with refusing(site, "record"):
        saved = ana.post(f"/cases/{case}/records/core.request", {**REQUEST, "_base": "0"})
        assert saved.status_code >= 500
    assert (count(site, Record), count(site, AuditEvent)) == (0, 0)

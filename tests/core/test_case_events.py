"""Plugins hear what has happened to a case, after it is committed."""

from collections.abc import Iterator
from functools import partial

import msgspec
import pytest

from cpms_core.case_events import KIND, announce_now
from cpms_core.declarations import CaseEvent
from cpms_core.jobs import run_due
from tests import factories
from tests.site import TestSite


@pytest.fixture
def heard(site: TestSite) -> Iterator[list[CaseEvent]]:
    """What a plugin that listens has heard."""
    told: list[CaseEvent] = []
    before = site.live.registry
    listeners = (("deaf", _fail), ("fake", told.append))
    site.live.registry = msgspec.structs.replace(before, listeners=listeners)
    yield told
    site.live.registry = before


def _fail(event: CaseEvent) -> None:
    raise RuntimeError(event.tag)


def _run_jobs(site: TestSite) -> int:
    return run_due(site.engine, {KIND: partial(announce_now, site.live.registry)})


def test_a_plugin_hears_of_a_case_once_it_is_opened(site: TestSite, heard: list[CaseEvent]) -> None:
    clinician = site.person()
    with site.transaction() as session:
        patient = factories.make_patient(session, clinician.actor).id
    opened = clinician.post(f"/patients/{patient}/cases").headers["location"]
    assert heard == []
    assert _run_jobs(site) == 1
    assert [event.tag for event in heard] == ["case:case:opened"]
    assert opened.endswith(str(heard[0].case_id))
    assert _run_jobs(site) == 0


def test_a_plugin_hears_nothing_of_reading_or_of_what_was_refused(
    site: TestSite, heard: list[CaseEvent]
) -> None:
    clinician = site.person()
    with site.transaction() as session:
        case = factories.make_case(session, clinician.actor).id
    clinician.get(f"/cases/{case}")
    assert site.person(hcp="NO01").post(f"/cases/{case}/files").status_code == 404
    typed = {"_base": "0", "question": "?"}
    assert clinician.post(f"/cases/{case}/records/core.request/draft", typed).is_success
    assert _run_jobs(site) == 0
    assert heard == []

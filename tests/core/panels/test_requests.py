from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.audit import AuditEvent
from cpms_core.cases.scope import find_case
from cpms_core.clock import clock
from cpms_core.datasets.records import parse
from cpms_core.db import transaction
from cpms_core.declarations import Network
from cpms_core.errors import (
    ConflictError,
    ConsentMissingError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.panels.requests import opening, submission, triage
from cpms_core.panels.requests.request_form import REQUEST
from tests.core.panels.consultation import REGISTRY, Consultation, act, fill_case, make_registry
from tests.factories import make_case, make_patient


def test_a_request_keeps_the_question_as_it_was_asked(session: Session) -> None:
    they = Consultation(session, urgency="urgent", urgency_reason="Seizures.")
    request = they.submit()
    fill_case(session, they.submitter, they.case, question="Something else?")
    assert (request.question, request.urgency, request.area) == (
        "Which test next?",
        "urgent",
        "undiagnosed",
    )
    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).all()
    sent = next(e for e in event if e.tag == "ern:request:submitted")
    assert (sent.case_id, sent.hcp_id, sent.ern_id) == (they.case.id, they.case.hcp_id, "ithaca")


def test_an_empty_case_is_told_all_that_is_missing_at_once(session: Session) -> None:
    submitter = act(session)
    case = make_case(session, submitter)
    with pytest.raises(InvalidError, match=r"question and the summary.*“Findings”") as refusal:
        submission.submit_request(session, submitter, REGISTRY, case.id, "ithaca")
    assert list(refusal.value.fields) == ["core.request", "fake.findings"]


def test_without_the_consent_for_care_nothing_is_sent(session: Session) -> None:
    submitter = act(session)
    case = make_case(session, submitter, make_patient(session, submitter, consents=()))
    with pytest.raises(ConsentMissingError, match=r"consent for care.*question.*Findings"):
        submission.submit_request(session, submitter, REGISTRY, case.id, "ithaca")
    assert session.scalar(select(ConsultationRequest.id)) is None


def test_an_urgent_question_needs_its_reason() -> None:
    form = {"question_type": ["diagnosis"], "question": ["?"], "summary": ["s"]}
    assert parse(REQUEST, form | {"urgency": ["urgent"]}).errors
    assert not parse(REQUEST, form | {"urgency": ["urgent"], "urgency_reason": ["Fits."]}).errors


@pytest.mark.parametrize(("ern", "area"), [("ithaca", "cooking"), ("nowhere", ""), ("skin", "x")])
def test_an_unknown_ern_or_area_is_refused(session: Session, ern: str, area: str) -> None:
    they = Consultation(session)
    with pytest.raises(InvalidError):
        submission.submit_request(session, they.submitter, REGISTRY, they.case.id, ern, area)


def test_a_request_is_sent_to_an_ern_once(session: Session) -> None:
    they = Consultation(session)
    they.submit()
    with pytest.raises(ConflictError, match="ERN ITHACA already"):
        they.submit()


def test_another_centre_cannot_send_the_case(session: Session) -> None:
    they = Consultation(session)
    with pytest.raises(NotFoundError):
        submission.submit_request(session, they.lead, REGISTRY, they.case.id, "ithaca")


def test_the_coordinator_sees_the_summary_only_once_it_is_sent(session: Session) -> None:
    they = Consultation(session)
    with pytest.raises(NotFoundError):
        find_case(session, they.coordinator, they.case.id, "case.summary")
    they.submit()
    assert find_case(session, they.coordinator, they.case.id, "case.summary").case is they.case
    with pytest.raises(ForbiddenError):
        find_case(session, they.coordinator, they.case.id, "case.read")


def test_the_preview_names_who_will_see_the_case_and_what_is_missing(session: Session) -> None:
    they = Consultation(session)
    bare = make_case(session, they.submitter, hcp="CZ01")
    preview = submission.preview_submission(session, they.submitter, REGISTRY, bare.id, "ithaca")
    assert [(one.name, one.role, one.country) for one in preview.readers] == [
        ("Dr Coordinator", "coordinator", "France")
    ]
    assert [one.key for one in preview.missing] == ["core.request", "fake.findings"]


def test_a_returned_request_stops_its_clock_and_comes_back(session: Session) -> None:
    they = Consultation(session)
    request = they.submit()
    first = request.submitted_at
    triage.return_request(session, they.coordinator, request.id, "Photos, please.", 1)
    assert (request.state, request.reason) == ("returned", "Photos, please.")
    clock.offset += type(clock.offset)(hours=5)
    fill_case(session, they.submitter, they.case, question="With photos?")
    assert they.submit().id == request.id
    assert (request.state, request.question) == ("submitted", "With photos?")
    assert request.submitted_at == first
    assert 5 * 3600 <= request.paused_seconds < 5 * 3600 + 60


@pytest.mark.parametrize("reason", ["", "  ", "x" * 3000])
def test_returning_and_declining_need_a_reason(session: Session, reason: str) -> None:
    they = Consultation(session)
    they.submit()
    for decide in (triage.return_request, triage.decline_request):
        with pytest.raises(InvalidError):
            decide(session, they.coordinator, they.request.id, reason, 1)


def test_a_declined_case_is_gone_for_the_ern_for_good(session: Session) -> None:
    they = Consultation(session)
    they.submit()
    triage.decline_request(session, they.coordinator, they.request.id, "Not our field.", 1)
    with pytest.raises(NotFoundError):
        find_case(session, they.coordinator, they.case.id, "case.summary")
    with pytest.raises(ConflictError, match="declined"):
        they.submit()
    other = submission.submit_request(session, they.submitter, REGISTRY, they.case.id, "metabern")
    assert other.state == "submitted"


def test_naming_a_lead_makes_a_numbered_panel_that_the_lead_sees(session: Session) -> None:
    they = Consultation(session)
    they.submit()
    panel = they.name_lead()
    assert panel.number == f"ITH-{clock.now().year}-0001"
    assert (panel.stage, they.request.state) == ("panel_selection", "accepted")
    assert find_case(session, they.lead, they.case.id, "case.read").case is they.case
    again = Consultation(session)
    again.submit()
    assert again.name_lead().number.endswith("-0002")


def test_the_submitter_leads_only_where_the_network_allows_it(session: Session) -> None:
    they = Consultation(session)
    they.submit()
    lead, seen = they.submitter.user_id, they.request.row_version
    with pytest.raises(InvalidError, match="cannot lead"):
        triage.name_lead(session, they.coordinator, REGISTRY, they.request.id, lead, seen)
    allowing = make_registry(Network(key="ithaca", case_prefix="ITH", may_lead_own_case=True))
    panel = triage.name_lead(session, they.coordinator, allowing, they.request.id, lead, seen)
    assert panel.lead_id == lead


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.RESEARCHER, Role.GUEST])
def test_only_a_professional_leads(session: Session, role: Role) -> None:
    they = Consultation(session)
    they.submit()
    with pytest.raises(InvalidError):
        they.name_lead(act(session, role))


def test_only_the_erns_own_triage_decides(session: Session) -> None:
    they = Consultation(session)
    they.submit()
    elsewhere = act(session, Role.COORDINATOR, ern="skin")
    for actor, error in ((elsewhere, NotFoundError), (they.submitter, ForbiddenError)):
        with pytest.raises(error):
            triage.return_request(session, actor, they.request.id, "Why?", 1)


def test_two_coordinators_naming_a_lead_make_one_panel(engine: Engine) -> None:
    with transaction(engine) as session:
        they = Consultation(session)
        they.submit()
    seen = they.request.row_version
    leads = [they.lead, they.ghent]
    outcomes = []
    for lead in leads:  # both pages were opened before either was sent
        try:
            with transaction(engine) as session:
                triage.name_lead(
                    session, they.coordinator, REGISTRY, they.request.id, lead.user_id, seen
                )
            outcomes.append("made")
        except ConflictError:
            outcomes.append("refused")
    assert outcomes == ["made", "refused"]
    with transaction(engine) as session:
        assert session.scalars(select(Panel.lead_id)).all() == [they.lead.user_id]


def test_panels_made_at_the_same_time_get_different_numbers(engine: Engine) -> None:
    start = Barrier(4)

    def take(_: int) -> str:
        start.wait()
        with transaction(engine) as session:
            return opening.next_number(session, "ITH-2026")

    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(pool.map(take, range(4)))
    assert numbers == [f"ITH-2026-000{n}" for n in range(1, 5)]

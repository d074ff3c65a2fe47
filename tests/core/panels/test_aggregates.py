from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.cases.models import CodedValue
from cpms_core.clock import clock
from cpms_core.panels import moves
from cpms_core.panels.after.advice_counts import FEWEST
from cpms_core.panels.aggregates import SiteAggregates
from cpms_core.panels.models import Panel
from cpms_core.patients.models import Consent
from tests.core.panels.consultation import Consultation, act, make_registry
from tests.factories import make_case, make_patient


def test_a_coordinator_counts_the_panels_of_the_own_ern(session: Session) -> None:
    they = Consultation(session).assess()
    (times,) = SiteAggregates(session, they.coordinator).panels()
    assert (times.number, times.ern, times.stage) == (they.panel.number, "ERN ITHACA", "assessment")
    assert (times.contributors, times.countries) == (2, 2)
    assert times.first_response_at == they.panel.first_response_at
    elsewhere = act(session, Role.COORDINATOR, ern="skin")
    assert SiteAggregates(session, elsewhere).panels() == []


def test_a_shared_panel_counts_for_each_of_its_networks_as_far_as_the_reader_counts_for_it(
    session: Session,
) -> None:
    they = Consultation(session).assess()
    they.share("erknet")
    both = ("ERN ITHACA", "ERKNet")
    for reader, networks in (
        (they.coordinator, both[:1]),
        (act(session, Role.DISPATCHER, ern="erknet"), both[1:]),
        (act(session, Role.CENTRE_MANAGER, hcp="CZ01"), both),
        (act(session, Role.SYSTEM_ADMIN), both),
    ):
        (times,) = SiteAggregates(session, reader).panels()
        assert (times.networks, times.is_shared) == (networks, True), reader.roles_in_words
    assert SiteAggregates(session, act(session, Role.COORDINATOR, ern="skin")).panels() == []


def test_a_centre_manager_counts_the_own_centres_panels(session: Session) -> None:
    they = Consultation(session).assess()
    own = act(session, Role.CENTRE_MANAGER, hcp="CZ01")
    other = act(session, Role.CENTRE_MANAGER, hcp="NO01")
    assert [one.number for one in SiteAggregates(session, own).panels()] == [they.panel.number]
    assert SiteAggregates(session, other).panels() == []


def test_an_administrator_sees_times_but_no_clinical_counts(session: Session) -> None:
    they = Consultation(session).assess()
    code_cases(session, they, FEWEST)
    counts = SiteAggregates(session, act(session, Role.SYSTEM_ADMIN))
    assert len(counts.panels()) == 1
    assert counts.coded_counts("fake.findings", "seen") == {}


def test_a_professional_without_such_a_role_counts_nothing(session: Session) -> None:
    they = Consultation(session).assess()
    code_cases(session, they, FEWEST)
    counts = SiteAggregates(session, they.lead)
    assert counts.panels() == []
    assert counts.coded_counts("fake.findings", "seen") == {}


def test_the_pause_that_lasts_is_counted_too(session: Session) -> None:
    they = Consultation(session).assess()
    moves.move_stage(session, they.lead, they.panel.id, "data_completion", they.panel.row_version)
    clock.offset += timedelta(hours=3)
    (times,) = SiteAggregates(session, they.coordinator).panels()
    assert 3 * 3600 <= times.paused_seconds < 3 * 3600 + 60


def test_the_submitters_own_words_do_not_count_as_a_contributor(session: Session) -> None:
    they = Consultation(session).assess()
    panel = session.get_one(Panel, they.panel.id)
    they.request.submitted_by = they.ghent.user_id
    session.flush()
    (times,) = SiteAggregates(session, they.coordinator).panels()
    assert (panel.stage, times.contributors) == ("assessment", 1)


def code_cases(session: Session, they: Consultation, count: int, consent: str = "registry") -> None:
    """So many cases of the submitting centre with one code, each with this consent."""
    for _ in range(count):
        patient = make_patient(session, they.submitter, hcp="CZ01", consents=("care", consent))
        case = make_case(session, they.submitter, patient)
        add_code(session, case.id, "HP:0001572")
    session.flush()


def add_code(session: Session, case_id: object, code: str, *, absent: bool = False) -> None:
    session.add(
        CodedValue(
            case_id=case_id,
            dataset="fake.findings",
            field="seen",
            system="hpo",
            code=code,
            label="Macrodontia",
            absent=absent,
        )
    )


def test_codes_are_counted_per_case_from_ten_cases_on(session: Session) -> None:
    they = Consultation(session)
    manager = act(session, Role.CENTRE_MANAGER, hcp="CZ01")
    counts = SiteAggregates(session, manager)
    code_cases(session, they, FEWEST - 1)
    assert counts.coded_counts("fake.findings", "seen") == {}
    code_cases(session, they, 1)
    case_id = session.scalars(select(CodedValue.case_id).limit(1)).one()
    add_code(session, case_id, "HP:0001572")
    add_code(session, case_id, "HP:0000175", absent=True)
    assert counts.coded_counts("fake.findings", "seen") == {("hpo", "HP:0001572"): FEWEST}
    assert counts.coded_counts("fake.findings", "other") == {}


def test_cases_whose_consent_does_not_open_the_field_are_not_counted(session: Session) -> None:
    they = Consultation(session)
    manager = act(session, Role.CENTRE_MANAGER, hcp="CZ01")
    code_cases(session, they, FEWEST)
    counts = SiteAggregates(session, manager, make_registry(consent="genome"))
    assert counts.coded_counts("fake.findings", "seen")
    last = select(Consent).where(Consent.kind == "care").order_by(Consent.id.desc()).limit(1)
    session.scalars(last).one().classes = ["text", "imaging"]
    session.flush()
    assert counts.coded_counts("fake.findings", "seen") == {}


def test_cases_without_the_registry_consent_are_not_counted(session: Session) -> None:
    they = Consultation(session)
    manager = act(session, Role.CENTRE_MANAGER, hcp="CZ01")
    code_cases(session, they, FEWEST, consent="contact")
    assert SiteAggregates(session, manager).coded_counts("fake.findings", "seen") == {}
    code_cases(session, they, FEWEST)
    consent = session.scalars(select(Consent).where(Consent.kind == "registry")).first()
    assert consent is not None
    consent.withdrawn_at = clock.now()
    session.flush()
    assert SiteAggregates(session, manager).coded_counts("fake.findings", "seen") == {}

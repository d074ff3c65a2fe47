"""Whom the site proposes for a panel, and what it says why."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.cases.models import Case, CodedValue
from cpms_core.clock import clock
from cpms_core.db import new_id
from cpms_core.identity.models import AreaInterest, User
from cpms_core.panels.models import ConsultationRequest, Contribution, Panel, PanelMember
from cpms_core.panels.requests.experts import ExpertRow, list_experts, may_be_asked
from tests.core.panels.consultation import Consultation, act, make_registry
from tests.factories import make_case

NOONAN = ("orpha", "ORPHA:648", "Noonan syndrome")
FINDINGS = tuple(("hpo", f"HP:000{number}", f"Finding {number}") for number in range(5))
Code = tuple[str, str, str]


@pytest.fixture
def they(session: Session) -> Consultation:
    made = Consultation(session)
    made.submit()
    return made


def code(session: Session, case: Case, *codes: Code, absent: bool = False) -> Case:
    for system, key, label in codes:
        session.add(
            CodedValue(
                case_id=case.id,
                dataset="fake.findings",
                field="seen",
                system=system,
                code=key,
                label=label,
                absent=absent,
            )
        )
    session.flush()
    return case


def contributed(they: Consultation, author: Actor, case: Case, *, closed: bool = True) -> None:
    """To a panel of another case."""
    session, now = they.session, clock.now()
    request = ConsultationRequest(
        case_id=case.id,
        ern_id="ithaca",
        question="?",
        urgency="routine",
        state="accepted",
        submitted_by=they.submitter.user_id,
        submitted_at=now - timedelta(days=90),
    )
    session.add(request)
    session.flush()
    panel = Panel(
        number=f"X-{new_id()}",
        request_id=request.id,
        case_id=case.id,
        ern_id="ithaca",
        lead_id=author.user_id,
        stage="closed" if closed else "assessment",
    )
    session.add(panel)
    session.flush()
    session.add(Contribution(panel_id=panel.id, author_id=author.user_id, text="Yes."))
    session.add(
        PanelMember(
            panel_id=panel.id,
            user_id=author.user_id,
            role="member",
            state="accepted",
            invited_by=author.user_id,
        )
    )
    session.flush()


def other_case(they: Consultation, *codes: Code, absent: bool = False) -> Case:
    return code(
        they.session, make_case(they.session, they.submitter, hcp="CZ01"), *codes, absent=absent
    )


def listed(they: Consultation) -> dict[str, ExpertRow]:
    rows = list_experts(they.session, {"ithaca"}, they.case.id, {they.submitter.user_id})
    return {one.name: one for one in rows}


def follow(session: Session, who: Actor) -> None:
    session.add(AreaInterest(user_id=who.user_id, ern_id="ithaca", area="undiagnosed"))
    session.flush()


@pytest.mark.parametrize("classes", [["text"], ["text", "genome"]])
def test_a_code_that_a_consent_does_not_open_makes_no_case_alike(
    session: Session, they: Consultation, classes: list[str]
) -> None:
    case = other_case(they, NOONAN)
    for one in (code(session, they.case, NOONAN), case):
        one.patient.consents[0].classes = ["text", "genome"]
    case.patient.consents[0].classes = classes
    contributed(they, they.ghent, case)
    known = make_registry(consent="genome")
    rows = list_experts(session, {"ithaca"}, they.case.id, registry=known)
    found = next(one for one in rows if one.name == "Dr Ghent")
    assert any("Noonan" in why for why in found.why) == ("genome" in classes)


def test_each_says_in_words_why(session: Session, they: Consultation) -> None:
    code(session, they.case, NOONAN)
    for _ in range(3):
        contributed(they, they.lyon, other_case(they, NOONAN))
    follow(session, they.lyon)
    for who, languages in ((they.submitter, ["cs", "fr", "en"]), (they.lyon, ["fr", "en"])):
        session.get_one(User, who.user_id).languages = languages
    session.flush()
    assert " · ".join(listed(they)["Dr Lyon"].why) == (
        "follows this area · contributed to 3 cases with Noonan syndrome · speaks French · "
        "from another country · free"
    )
    assert listed(they)["Dr Ghent"].why == ("from another country", "free")


def test_who_knows_the_diagnosis_comes_first_and_the_busy_later(
    session: Session, they: Consultation
) -> None:
    code(session, they.case, NOONAN)
    contributed(they, they.lead, other_case(they, NOONAN))
    follow(session, they.ghent)
    for _ in range(2):
        contributed(they, they.lyon, other_case(they), closed=False)
    names = list(listed(they))
    assert names[:2] == ["Dr Lead", "Dr Ghent"]
    assert names.index("Dr Lyon") > names.index("Dr Coordinator")
    assert "2 open panels" in listed(they)["Dr Lyon"].why


def test_similar_findings_count_from_the_third_shared_one(
    session: Session, they: Consultation
) -> None:
    code(session, they.case, *FINDINGS)
    contributed(they, they.ghent, other_case(they, *FINDINGS[:2]))
    assert not any("similar" in one for one in listed(they)["Dr Ghent"].why)
    contributed(they, they.ghent, other_case(they, *FINDINGS[:3]))
    assert "contributed to 1 case with similar findings" in listed(they)["Dr Ghent"].why


@pytest.mark.parametrize("what", ["absent", "withdrawn", "no consent", "the same case"])
def test_what_is_not_there_or_no_longer_open_counts_for_nothing(
    session: Session, they: Consultation, what: str
) -> None:
    code(session, they.case, NOONAN)
    case = other_case(they, NOONAN, absent=what == "absent")
    if what == "withdrawn":
        case.withdrawn_at = clock.now()
    elif what == "no consent":
        case.patient.consents[0].withdrawn_at = clock.now()
    contributed(they, they.ghent, they.case if what == "the same case" else case)
    assert not any("contributed" in one for one in listed(they)["Dr Ghent"].why)


def test_at_most_three_are_proposed_and_nobody_for_language_alone(
    session: Session, they: Consultation
) -> None:
    for who in (they.submitter, they.ghent):
        session.get_one(User, who.user_id).languages = ["cs"]
    session.flush()
    assert not any(one.is_proposed for one in listed(they).values())
    for number in range(5):
        follow(session, act(session, hcp="FR30", name=f"Dr Follower {number}"))
    proposed = [one.name for one in listed(they).values() if one.is_proposed]
    assert proposed == ["Dr Follower 0", "Dr Follower 1", "Dr Follower 2"]


def test_whoever_sits_on_five_panels_is_not_proposed(session: Session, they: Consultation) -> None:
    follow(session, they.ghent)
    assert listed(they)["Dr Ghent"].is_proposed
    for _ in range(5):
        contributed(they, they.ghent, other_case(they), closed=False)
    assert not listed(they)["Dr Ghent"].is_proposed


def test_people_of_every_sharing_ern_are_listed_and_of_no_other(
    session: Session, they: Consultation
) -> None:
    munich = act(session, hcp="DE01", name="Dr Munich")
    assert "Dr Munich" not in listed(they)
    both = list_experts(session, {"ithaca", "rnd"}, they.case.id)
    assert {"Dr Munich", "Dr Ghent"} <= {one.name for one in both}
    assert may_be_asked(session, {"rnd"}, munich.user_id)
    assert not may_be_asked(session, {"ithaca"}, munich.user_id)


def test_the_number_of_people_changes_nothing_about_the_number_of_statements(
    session: Session, they: Consultation
) -> None:
    code(session, they.case, NOONAN, *FINDINGS)
    contributed(they, they.ghent, other_case(they, NOONAN, *FINDINGS))
    with counting(session) as few:
        listed(they)
    for number in range(60):
        act(session, hcp="FR30", name=f"Dr {number}")
    with counting(session) as many:
        assert len(listed(they)) > 60
    assert len(few) == len(many) == 5


@contextmanager
def counting(session: Session) -> Iterator[list[str]]:
    sent: list[str] = []
    connection = session.connection()

    def note(*call: object) -> None:
        sent.append(str(call[2]))

    event.listen(connection, "before_cursor_execute", note)
    yield sent
    event.remove(connection, "before_cursor_execute", note)

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import AuditEvent
from cpms_core.cases.scope import find_case
from cpms_core.clock import clock
from cpms_core.datasets.records import as_form
from cpms_core.db import transaction
from cpms_core.errors import ConflictError, ForbiddenError, InvalidError
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.panels.models import Outcome, Position
from cpms_core.panels.outcome import form as outcome_form
from cpms_core.panels.outcome import outcomes, positions, signing
from cpms_core.panels.outcome import versions as outcome_versions
from cpms_core.panels.outcome.document import read_outcome
from cpms_core.panels.outcome.pdf import render_pdf
from cpms_core.panels.outcome.signature import read_signature
from cpms_core.panels.outcome.verify import verify_file
from cpms_core.panels.requests import submission
from cpms_core.panels.seats import members
from tests.core.panels.consultation import REGISTRY, Consultation, plain_opinion, with_key
from tests.core.panels.make_outcome import ORIGIN, RP_ID, make_recommendation
from tests.softkey import SoftKey

POLICY = KeyPolicy(rp_id=RP_ID, rp_name="CPMS", origin=ORIGIN)


def begin(session: Session, they: Consultation) -> tuple[Actor, SoftKey, Any]:
    lead, key = with_key(session, they.lead)
    return lead, key, signing.begin_signature(session, lead, POLICY, they.panel.id)


def finish(session: Session, they: Consultation, lead: Actor, key: SoftKey, begun: Any) -> Outcome:
    answer = json.dumps(key.sign_in(begun.options)).encode()
    return signing.finish_signature(
        session, lead, POLICY, they.panel.id, begun.challenge_id, answer
    )


def test_an_outcome_needs_two_contributors_or_a_reason(session: Session) -> None:
    they = Consultation(session)
    they.submit()
    they.name_lead()
    they.invite(they.ghent)
    they.contribute(they.ghent)
    seen = they.panel.row_version
    with pytest.raises(InvalidError, match="Fewer than two"):
        outcomes.start_outcome(session, they.lead, they.panel.id, seen)
    outcomes.start_outcome(session, they.lead, they.panel.id, seen, "Surgery is tomorrow.")
    assert (they.panel.stage, they.panel.few_reason) == ("outcome", "Surgery is tomorrow.")


def test_only_the_lead_drafts(session: Session) -> None:
    they = Consultation(session).assess()
    for actor in (they.ghent, they.coordinator, they.submitter):
        with pytest.raises(ForbiddenError):
            outcomes.start_outcome(session, actor, they.panel.id, they.panel.row_version)


def test_a_stale_save_of_the_draft_is_answered_with_both_versions(session: Session) -> None:
    they = Consultation(session).assess()
    seen = they.draft().row_version
    they.save(plain_opinion(heading="First"))
    with pytest.raises(ConflictError) as conflict:
        they.save(plain_opinion(heading="Second"), seen)
    assert conflict.value.theirs["heading"] == "First"
    assert conflict.value.yours.heading == "Second"


def test_every_wrong_field_of_the_draft_is_named(session: Session) -> None:
    they = Consultation(session).assess()
    they.draft()
    form = as_form(outcomes.DATASET, plain_opinion()) | {"heading": [""], "kind": ["magic"]}
    with pytest.raises(InvalidError) as refusal:
        outcomes.save_outcome_draft(session, they.lead, they.panel.id, form, 3)
    assert set(refusal.value.fields) == {"heading", "kind"}


def test_what_the_lead_typed_is_kept_until_it_is_saved(session: Session) -> None:
    they = Consultation(session).assess()
    seen = they.draft().row_version
    typed = {"heading": ["half a"], "kind": [""], "_once": ["x"]}
    outcome_form.keep_outcome_typing(session, they.lead, they.panel.id, typed, seen)
    form = outcome_form.open_outcome_form(session, they.lead, they.panel.id)
    assert form.values["heading"] == ["half a"] and form.draft_at is not None
    with pytest.raises(InvalidError, match="not saved"):
        they.put()
    they.save(plain_opinion(heading="Whole"))
    form = outcome_form.open_outcome_form(session, they.lead, they.panel.id)
    assert form.values["heading"] == ["Whole"] and form.draft_at is None


def test_an_incomplete_draft_is_not_put_to_the_members(session: Session) -> None:
    they = Consultation(session).assess()
    outcomes.start_outcome(session, they.lead, they.panel.id, they.panel.row_version)
    with pytest.raises(InvalidError, match="Write and save"):
        they.put()
    they.save(plain_opinion(recommendations=(), next_step=""))
    with pytest.raises(InvalidError, match="Give a recommendation"):
        they.put()


def test_the_members_judge_a_frozen_text(session: Session) -> None:
    they = Consultation(session).sign_off()
    outcome = outcome_versions.newest_outcome(session, they.panel.id)
    assert outcome is not None and outcome.frozen is not None
    document = read_outcome(outcome.frozen)
    assert (document.panel_number, document.question) == (they.panel.number, "Which test next?")
    assert [one.what for one in document.reviewed] == [
        "Question and summary, version 1",
        "Findings, version 1",
    ]
    assert {one.name: one.position for one in document.members} == {
        "Dr Lead": "agree",
        "Dr Ghent": "not answered",
        "Dr Lyon": "not answered",
    }
    assert they.panel.stage == "sign_off"
    with pytest.raises(ConflictError, match="with the members"):
        they.contribute(they.ghent)


@pytest.mark.parametrize("verdict", ["remark", "disagree"])
def test_a_remark_or_disagreement_says_what_it_is(session: Session, verdict: str) -> None:
    they = Consultation(session).sign_off()
    with pytest.raises(InvalidError, match="not taken"):
        they.judge(they.ghent, verdict, "  ")
    with pytest.raises(InvalidError):
        they.judge(they.ghent, verdict, "No.", about=[9])
    they.judge(they.ghent, verdict, "Only if the family wishes.", about=[3])


def test_only_members_judge_and_only_the_version_they_read(session: Session) -> None:
    they = Consultation(session).sign_off()
    with pytest.raises(InvalidError, match="by signing"):
        they.judge(they.lead)
    for actor in (they.submitter, they.coordinator):
        with pytest.raises(ForbiddenError):
            they.judge(actor)
    outcomes.take_back(session, they.lead, they.panel.id)
    they.put()
    with pytest.raises(ConflictError, match="version 2"):
        they.judge(they.ghent, version=1)


def test_taken_back_the_text_is_asked_about_anew(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    renewed = outcomes.take_back(session, they.lead, they.panel.id)
    assert (renewed.version, renewed.state, they.panel.stage) == (2, "draft", "outcome")
    they.save(plain_opinion(heading="Better"))
    they.put()
    states = signing.signing_state(session, they.newest())
    assert "Dr Ghent" in states.blockers[0]


def test_a_signature_needs_every_members_answer(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    with pytest.raises(InvalidError, match="Dr Lyon"):
        begin(session, they)
    clock.offset += signing.SILENCE_AFTER + timedelta(minutes=1)
    begin(session, they)


def test_a_disagreement_must_be_told_in_the_text(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    they.judge(they.lyon, "disagree", "It is Cornelia de Lange.")
    with pytest.raises(InvalidError, match="Dr Lyon disagrees"):
        begin(session, they)
    outcomes.take_back(session, they.lead, they.panel.id)
    they.save(plain_opinion(dissent="Dr Lyon thinks of Cornelia de Lange."))
    they.put()
    they.judge(they.ghent)
    they.judge(they.lyon, "disagree", "It is Cornelia de Lange.")
    begin(session, they)


def test_the_signed_outcome_holds_every_position_and_proves_itself(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    they.judge(they.lyon, "remark", "Only if the family wishes.", about=[3])
    outcome = finish(session, they, *begin(session, they))
    assert (outcome.state, they.panel.stage) == ("signed", "closed")
    assert they.panel.closed_at is not None and they.case.closed_at is not None
    document = read_outcome(outcome.frozen or b"")
    assert [(a.agreed, a.remarked, a.asked) for a in document.agreement] == [
        (3, 0, 3),
        (3, 0, 3),
        (2, 1, 3),
    ]
    signed = read_signature(outcome.frozen or b"", outcome.signature or b"")
    keys = {signed.key_fingerprint: "Dr Lead"}
    proof = verify_file(render_pdf(outcome.frozen or b"", outcome.signature or b""), keys, ORIGIN)
    assert proof.ok, proof.lines
    assert proof.signer.startswith("Dr Lead, panel lead, Oslo")


def test_after_closing_members_and_submitter_still_read(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    they.judge(they.lyon)
    outcome = finish(session, they, *begin(session, they))
    for actor in (they.submitter, they.ghent, they.coordinator, they.lead):
        assert outcome_versions.find_outcome(session, actor, outcome.id)
    assert find_case(session, they.ghent, they.case.id, "case.read").case is they.case
    tags = session.scalars(select(AuditEvent.tag)).all()
    assert "panel:outcome:signed" in tags


def test_an_unsigned_text_is_the_panels_own_business(session: Session) -> None:
    they = Consultation(session).sign_off()
    outcome = they.newest()
    assert outcome_versions.find_outcome(session, they.ghent, outcome.id)
    for actor in (they.submitter, they.coordinator):
        with pytest.raises(Exception, match="nothing here"):
            outcome_versions.find_outcome(session, actor, outcome.id)


def test_a_position_given_while_signing_is_noticed(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    they.judge(they.lyon)
    lead, key, begun = begin(session, they)
    they.judge(they.lyon, "disagree", "I have changed my mind.")
    with pytest.raises(ConflictError, match="while you were signing") as refusal:
        finish(session, they, lead, key, begun)
    assert refusal.value.keeps_changes
    assert (they.panel.stage, they.newest().state) == ("sign_off", "sign_off")


def test_a_signing_begun_twice_takes_only_the_second_answer(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    they.judge(they.lyon)
    lead, key, first = begin(session, they)
    clock.offset += timedelta(seconds=1)
    second = signing.begin_signature(session, lead, POLICY, they.panel.id)
    with pytest.raises(ConflictError, match="another window"):
        finish(session, they, lead, key, first)
    assert finish(session, they, lead, key, second).state == "signed"


def test_a_signature_is_given_once(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    they.judge(they.lyon)
    lead, key, begun = begin(session, they)
    finish(session, they, lead, key, begun)
    with pytest.raises(ConflictError, match="closed"):
        finish(session, they, lead, key, begun)


def test_a_strangers_key_does_not_sign(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    they.judge(they.lyon)
    lead, _, begun = begin(session, they)
    _, other = with_key(session, they.ghent)
    stolen = {**begun.options, "allowCredentials": []}
    answer = json.dumps(other.sign_in(stolen)).encode()
    with pytest.raises(InvalidError):
        signing.finish_signature(session, lead, POLICY, they.panel.id, begun.challenge_id, answer)
    assert they.newest().state == "sign_off"


def test_a_case_with_another_open_panel_stays_open(session: Session) -> None:

    they = Consultation(session).sign_off()
    submission.submit_request(session, they.submitter, REGISTRY, they.case.id, "metabern")
    they.judge(they.ghent)
    they.judge(they.lyon)
    finish(session, they, *begin(session, they))
    assert they.case.closed_at is None


def test_a_member_who_leaves_is_not_waited_for(session: Session) -> None:
    they = Consultation(session).sign_off()
    they.judge(they.ghent)
    members.remove_member(session, they.lead, they.panel.id, they.lyon.user_id)
    outcome = finish(session, they, *begin(session, they))
    assert {one.name for one in read_outcome(outcome.frozen or b"").members} == {
        "Dr Lead",
        "Dr Ghent",
    }


def test_recommendations_come_through_the_form(session: Session) -> None:
    they = Consultation(session).assess()
    opinion = plain_opinion(recommendations=(make_recommendation(what="Karyotype"),))
    outcome = they.draft(opinion)
    assert outcome_versions.read_draft(outcome) == opinion


def test_two_members_answer_at_the_same_time(engine: Engine) -> None:
    with transaction(engine) as session:
        they = Consultation(session).sign_off()
        panel_id = they.panel.id
    start = Barrier(2)

    def answer(member: Actor) -> None:
        start.wait()
        with transaction(engine) as session:
            positions.give_position(session, member, panel_id, 1, "agree")

    with ThreadPoolExecutor() as pool:
        list(pool.map(answer, (they.ghent, they.lyon)))
    with transaction(engine) as session:
        assert len(session.scalars(select(Position.id)).all()) == 2

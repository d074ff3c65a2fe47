"""What became of the advice of many panels, counted so that no figure points at one patient."""

from typing import Any

import msgspec
import pytest
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.panels.after.advice_counts import FEWEST, hide_small
from cpms_core.panels.after.models import FollowUp, FollowUpAnswer
from cpms_core.panels.aggregates import SiteAggregates
from cpms_core.panels.models import Outcome, Panel
from tests.core.panels.consultation import Consultation, act
from tests.core.panels.make_outcome import make_recommendation

STRONG = make_recommendation(kind="genetic test", strength="strong")


class Advised:
    """A panel whose signed outcome recommends the same test so many times."""

    def __init__(self, session: Session, count: int) -> None:
        self.they = Consultation(session).assess()
        self.session, self.count = session, count
        self.outcome = self.sign(1)
        self.follow_up = FollowUp(panel_id=self.they.panel.id, kind="day_21", due_on=clock.today())
        session.add(self.follow_up)
        session.flush()

    def sign(self, version: int) -> Outcome:
        draft = {"recommendations": [msgspec.to_builtins(STRONG)] * self.count}
        outcome = Outcome(
            panel_id=self.they.panel.id,
            version=version,
            state="signed",
            draft=draft,
            changed_by=self.they.lead.user_id,
        )
        self.session.add(outcome)
        self.session.flush()
        return outcome

    def say(self, numbers: range, said: str, why: str = "") -> None:
        for number in numbers:
            answer = FollowUpAnswer(
                follow_up_id=self.follow_up.id,
                outcome_id=self.outcome.id,
                number=number,
                said=said,
                why=why,
                answered_at=clock.now(),
            )
            self.session.add(answer)
        self.session.flush()

    def counts(self, reader: Any = None) -> SiteAggregates:
        return SiteAggregates(self.session, reader or self.they.coordinator)


def test_the_last_word_on_each_recommendation_counts(session: Session) -> None:
    advised = Advised(session, 35)
    advised.say(range(1, 13), "done")
    advised.say(range(13, 25), "not_done", "cost")
    (found,) = advised.counts().advice()
    assert (found.kind, found.strength, found.given) == ("genetic test", "strong", 35)
    assert (found.done, found.planned, found.not_done, found.not_said) == (12, 0, 12, 11)
    later = FollowUp(panel_id=advised.they.panel.id, kind="month_3", due_on=clock.today())
    session.add(later)
    session.flush()
    advised.follow_up = later
    advised.say(range(13, 25), "done")
    (found,) = advised.counts().advice()
    assert (found.done, found.not_done) == (24, 0)
    assert advised.counts().advice_reasons() == {}


def test_an_amended_outcome_counts_instead_of_the_one_before(session: Session) -> None:
    advised = Advised(session, FEWEST)
    advised.say(range(1, FEWEST + 1), "done")
    advised.sign(2)
    (found,) = advised.counts().advice()
    assert (found.given, found.done, found.not_said) == (FEWEST, 0, FEWEST)


def test_fewer_than_ten_of_a_kind_are_not_told(session: Session) -> None:
    advised = Advised(session, FEWEST - 1)
    advised.say(range(1, FEWEST), "not_done", "cost")
    assert list(advised.counts().advice()) == []
    assert advised.counts().advice_reasons() == {}


def test_a_reason_of_the_list_is_told_and_what_was_written_freely_is_not(session: Session) -> None:
    advised = Advised(session, 40)
    advised.say(range(1, 13), "not_done", "cost")
    advised.say(range(13, 26), "not_done", "Eliška did not want it")
    advised.say(range(26, 41), "not_done")
    assert advised.counts().advice_reasons() == {
        "cost": 12,
        "another reason": 13,
        "no reason given": 15,
    }


def test_each_reader_counts_the_own_panels_and_administrators_no_advice(session: Session) -> None:
    advised = Advised(session, FEWEST)
    advised.they.share("erknet")
    for role, where, count in (
        (Role.COORDINATOR, {"ern": "erknet"}, 1),
        (Role.COORDINATOR, {"ern": "skin"}, 0),
        (Role.CENTRE_MANAGER, {"hcp": "CZ01"}, 1),
        (Role.CENTRE_MANAGER, {"hcp": "NO01"}, 0),
        (Role.SYSTEM_ADMIN, {}, 0),
        (Role.PROFESSIONAL, {"hcp": "CZ01"}, 0),
    ):
        counts = advised.counts(act(session, role, **where))
        assert len(counts.advice()) == count, (role, where)
    assert session.query(Panel).count() == 1


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ((12, 0, 15), (12, 0, 15)),
        ((12, 3, 15), (None, None, 15)),  # 12 too, or the sum would tell the 3
        ((4, 3, 15), (None, None, None)),  # 7 together are too few as well
        ((4, 9, 15), (None, None, 15)),
        ((3, 0, 0), (None, 0, 0)),
    ],
)
def test_what_is_hidden_cannot_be_worked_out(parts: Any, told: Any) -> None:
    names = "abc"
    assert tuple(hide_small(dict(zip(names, parts, strict=True))).values()) == told

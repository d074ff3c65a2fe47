"""The lists of an ERN's page: by what is due next, page by page, and for every ERN of a panel."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.panels import moves
from cpms_core.panels.clock.renewal import renew_panel
from cpms_core.panels.ern import panels as ern_panels
from cpms_core.panels.ern.panels import Filter
from cpms_core.panels.ern.queries import ErnPage, read_ern_page
from cpms_core.panels.scope import find_panel
from tests.core.panels.consultation import REGISTRY, Consultation, act

DAY = timedelta(days=1)


def opened(session: Session) -> Consultation:
    they = Consultation(session)
    they.submit()
    they.name_lead()
    return they


def end(session: Session, they: Consultation) -> None:
    scope = find_panel(session, they.submitter, they.panel.id, "case.summary")
    moves.take(session, they.submitter, scope, "withdraw")


def read(session: Session, they: Consultation, **chosen: object) -> ErnPage:
    page = chosen.pop("page", 1)
    after = chosen.pop("after", None)
    wanted = Filter(**chosen)  # type: ignore[arg-type]  # keywords of a NamedTuple
    return read_ern_page(session, they.coordinator, REGISTRY, "ithaca", wanted, page, after)  # type: ignore[arg-type]  # as above


def test_what_is_due_next_is_on_top_and_what_waits_for_its_submitter_last(
    session: Session,
) -> None:
    waits, later, sooner = Consultation(session).assess(), opened(session), opened(session)
    moves.move_stage(
        session, waits.lead, waits.panel.id, "data_completion", waits.panel.row_version
    )
    later.panel.request.submitted_at += DAY * 2
    renew_panel(session, later.panel)
    page = read(session, waits)
    expected = [one.panel.number for one in (sooner, later, waits)]
    assert [one.number for one in page.panels] == expected
    assert page.panels[2].waits_for_submitter


def test_ended_panels_have_pages_of_their_own_the_newest_first(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ern_panels, "PAGE", 2)
    monkeypatch.setattr(ern_panels.ended_panels, "__defaults__", (2,))
    all_of_them = [opened(session) for _ in range(5)]
    going_on = opened(session)
    for they in all_of_them:
        clock.offset += DAY
        end(session, they)
    found, after = [], None
    for _ in range(3):
        page = read(session, going_on, only_ended=True, after=after)
        assert page.panels == ()
        found += [one.number for one in page.ended]
        after = page.next_after
    assert after is None
    assert found == [they.panel.number for they in reversed(all_of_them)]


def test_the_newest_that_ended_stand_below_the_open_ones(session: Session) -> None:
    going_on, ended = opened(session), opened(session)
    end(session, ended)
    page = read(session, going_on)
    assert [one.number for one in page.panels] == [going_on.panel.number]
    assert [one.number for one in page.ended] == [ended.panel.number]
    assert read(session, going_on, stage="withdrawn").ended == page.ended
    assert read(session, going_on, search=going_on.panel.number).ended == ()
    assert read(session, going_on, only_late=True).ended == ()


def test_a_panel_that_several_networks_share_is_on_the_page_of_each(session: Session) -> None:
    they = opened(session)
    other = session.get_one(Ern, "erknet")
    they.share(other.id)
    theirs = act(session, Role.COORDINATOR, hcp="FR25", ern=other.id)
    page = read_ern_page(session, theirs, REGISTRY, other.id)
    assert [one.number for one in page.panels] == [they.panel.number]
    ours = read(session, they)
    assert page.panels[0].clock.due == ours.panels[0].clock.due
    assert (page.counted.open, ours.counted.open) == (1, 1)
    assert page.panels[0].shared_with == "ERN ITHACA"
    assert ours.panels[0].shared_with == other.name
    end(session, they)
    assert read_ern_page(session, theirs, REGISTRY, other.id).panels == ()


def test_counts_stop_where_nobody_reads_them_any_more(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ern_panels, "MOST_COUNTED", 2)
    ern_panels._counts.cache_clear()
    they, *_others = (opened(session) for _ in range(4))
    clock.offset += 30 * DAY
    counted = read(session, they, search="nothing").counted
    ern_panels._counts.cache_clear()
    assert counted == (3, 3), "one more than is told: more than two"


def test_requests_to_triage_are_urgent_first_then_by_when_they_are_due(session: Session) -> None:
    later = Consultation(session)
    later.submit()
    clock.offset -= 3 * DAY
    sooner = Consultation(session)
    sooner.submit()
    clock.offset += 3 * DAY
    urgent = Consultation(session, urgency="urgent", urgency_reason="Fits.")
    urgent.submit()
    page = read(session, later)
    assert [one.id for one in page.to_triage] == [one.request.id for one in (urgent, sooner, later)]
    assert not page.has_more_to_triage

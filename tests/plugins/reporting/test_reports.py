"""Every figure counts what its column says."""

from datetime import timedelta

import pytest

from cpms_core import AdviceCount, Report, ReportTable
from cpms_core.testing import check_plugin
from cpms_reporting.advice import NO_ADVICE, NO_REASON, advice, reasons
from cpms_reporting.reports import (
    NO_PANEL,
    NONE_CLOSED,
    REPORTS,
    closed,
    networks,
    per_stage,
    times,
    voices,
    years,
)
from tests.plugins.reporting.counted import MONDAY, Counted, panel


def rows(table: ReportTable) -> dict[tuple[str, ...], tuple[float | int | None, ...]]:
    return {row.labels: row.figures for row in table.rows}


def test_the_plugin_keeps_to_the_contract() -> None:
    assert check_plugin("reporting") == []


def test_panels_are_counted_where_they_stand_urgent_apart_from_routine() -> None:
    table = per_stage(
        Counted(
            panel("assessment", urgency="urgent"),
            panel("assessment", submitted_at=MONDAY - timedelta(days=10)),
            panel("closed", outcome=3),
            now=MONDAY + timedelta(days=2),
        )
    )
    assert rows(table)[("Assessment",)] == (2, 1, 1, 12.0)
    assert rows(table)[("Closed",)] == (1, 0, 1, None)
    assert rows(table)[("Sign-off",)] == (0, 0, 0, None)
    assert [row.labels[0] for row in table.rows][:2] == ["Panel selection", "Data completion"]
    assert "3 panels, 2 of them open" in table.note


def test_a_stage_off_the_usual_way_is_shown_only_when_a_panel_is_in_it() -> None:
    table = per_stage(Counted(panel("withdrawn")))
    assert [row.labels[0] for row in table.rows][-1] == "Withdrawn"
    assert "0 of them open" in table.note
    assert ("Withdrawn",) not in rows(per_stage(Counted(panel())))


def test_an_archived_panel_stays_a_closed_one() -> None:
    gone = panel("archived", outcome=4, contributors=2)
    assert [row.labels[0] for row in closed(Counted(gone)).rows] == [gone.number]
    assert "0 of them open" in per_stage(Counted(gone)).note


def test_times_have_median_and_ninetieth_percentile_urgent_apart_from_routine() -> None:
    routine = [panel(triage=days, outcome=days * 10) for days in range(1, 11)]
    table = times(Counted(*routine, panel(urgency="urgent", triage=0.25)))
    assert rows(table)[("Routine", "Submission to triage")] == (10, 5.5, 9.0)
    assert rows(table)[("Routine", "Submission to outcome")] == (10, 55.0, 90.0)
    assert rows(table)[("Urgent", "Submission to triage")] == (1, 0.25, 0.25)
    assert ("Urgent", "Submission to outcome") not in rows(table)


def test_the_time_to_the_outcome_leaves_out_what_was_waited_for_the_submitter() -> None:
    waited = panel("closed", triage=1, answer=5, outcome=12, paused=2)
    found = rows(times(Counted(waited)))
    assert found[("Routine", "Submission to outcome")] == (1, 10.0, 10.0)
    assert found[("Routine", "Submission to first answer")] == (1, 5.0, 5.0)
    assert found[("Routine", "Waiting for the submitter")] == (1, 2.0, 2.0)


def test_closed_panels_stand_with_their_times_the_latest_first() -> None:
    early = panel("closed", triage=1, answer=2, outcome=5, contributors=2, countries=2)
    late = panel("closed", triage=1, outcome=9, paused=1, contributors=1, countries=1)
    table = closed(Counted(early, late, panel()))
    assert [row.labels[0] for row in table.rows] == [late.number, early.number]
    assert table.rows[0].labels[1:] == ("Routine", "2026-03-11")
    assert table.rows[0].figures == (1.0, None, 8.0, 1.0, 1, 1)
    assert table.rows[1].figures == (1.0, 2.0, 5.0, None, 2, 2)


def test_contributors_and_countries_are_counted_over_closed_panels() -> None:
    found = voices(
        Counted(
            panel("closed", outcome=1, contributors=2, countries=1),
            panel("closed", outcome=1, contributors=7, countries=5),
            panel("closed", outcome=1, contributors=0, countries=0),
            panel("assessment", contributors=4, countries=4),
        )
    )
    assert rows(found)[("0",)] == (1, 1)
    assert rows(found)[("1",)] == (0, 1)
    assert rows(found)[("2",)] == (1, 0)
    assert rows(found)[("4",)] == (0, 0)
    assert rows(found)[("5 or more",)] == (1, 1)
    assert "2 of 3 have 2 contributors or more" in found.note


def test_a_network_is_told_how_much_of_what_it_closed_was_reviewed() -> None:
    table = networks(
        Counted(
            panel("closed", outcome=4, contributors=2),
            panel("closed", outcome=8, contributors=3),
            panel("closed", outcome=1, contributors=1, urgency="urgent"),
            panel(),
            panel("assessment", ern="MetabERN"),
        )
    )
    assert rows(table)[("ERN ITHACA",)] == (4, 0, 1, 3, 2, 66.7, 6.0)
    assert rows(table)[("MetabERN",)] == (1, 0, 1, 0, 0, None, None)


def test_a_panel_that_networks_share_is_in_the_line_of_each_and_once_in_their_sum() -> None:
    both = ("ERN ITHACA", "MetabERN")
    shared = panel("closed", outcome=4, contributors=2, networks=both, is_shared=True)
    known_of_one = panel("closed", outcome=8, is_shared=True, number="ITH-2026-0009")
    found = Counted(shared, known_of_one, panel("assessment", ern="MetabERN"))
    table = networks(found)
    counts = {labels[0]: figures[:4] for labels, figures in rows(table).items()}
    assert counts == {
        "ERN ITHACA": (2, 2, 0, 2),
        "MetabERN": (2, 1, 1, 1),
        "All of them, each panel once": (3, 2, 1, 2),
    }
    assert rows(per_stage(found))[("Closed",)][0] == 2
    assert ("ITH-2026-0009, shared", "Routine", "2026-03-10") in rows(closed(found))


def test_advice_is_counted_by_kind_and_strength_and_what_is_too_small_is_a_dash() -> None:
    given = AdviceCount(kind="genetic test", strength="strong", given=24, done=12, not_done=None)
    table = advice(Counted(advice=[given]))
    assert rows(table) == {("Genetic test", "Strong"): (24, 12, 0, None, 0)}
    assert rows(reasons(Counted(reasons={"cost": 11, "waiting list": 15}))) == {
        ("Waiting list",): (15,),
        ("Cost",): (11,),
    }


def test_a_year_counts_what_was_submitted_and_what_was_closed_in_it() -> None:
    table = years(
        Counted(
            panel("closed", submitted_at=MONDAY - timedelta(days=800), outcome=10, contributors=2),
            panel("closed", submitted_at=MONDAY - timedelta(days=70), outcome=80, contributors=2),
            panel(),
        )
    )
    assert rows(table) == {
        ("2023",): (1, 0, 0, None, None),
        ("2024",): (0, 1, 1, 100.0, 10.0),
        ("2025",): (1, 0, 0, None, None),
        ("2026",): (1, 1, 1, 100.0, 80.0),
    }


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.key)
def test_an_empty_report_says_what_fills_it(report: Report) -> None:
    table = report.build(Counted())
    assert table.rows == ()
    assert table.note in {NO_PANEL, NONE_CLOSED, NO_ADVICE, NO_REASON}


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.key)
def test_every_row_of_a_report_has_a_cell_for_every_column(report: Report) -> None:
    table = report.build(
        Counted(
            *(panel(), panel("closed", triage=1, answer=2, outcome=3, paused=1, contributors=2)),
            advice=[AdviceCount(kind="drug", strength="weak", given=10)],
            reasons={"cost": 10},
        )
    )
    assert table.rows
    for row in table.rows:
        assert len(row.labels) + len(row.figures) == len(table.columns)
        assert len(row.figures) == len(table.units or row.figures)
        assert all(place < len(row.figures) for place in table.charted)

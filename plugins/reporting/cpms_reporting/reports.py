"""The reports: each turns the panels its reader may see into a table.

Rows without a single panel are left out where they would say nothing, and a table without rows
says in its note why it is empty and what fills it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from cpms_core import Aggregates, Count, PanelTimes, Report, ReportTable, Unit
from cpms_reporting.advice import advice, reasons
from cpms_reporting.measures import (
    ENOUGH,
    days_open,
    days_to_answer,
    days_to_outcome,
    days_to_triage,
    days_waited,
    is_closed,
    is_open,
    is_reviewed,
    middle,
    nine_in_ten,
    share,
)

PERMISSION = "report.read"

STAGES = {
    "panel_selection": "Panel selection",
    "data_completion": "Data completion",
    "assessment": "Assessment",
    "outcome": "Outcome",
    "sign_off": "Sign-off",
    "closed": "Closed",
}
"""Where every panel passes; other stages are shown only when a panel is in one."""

URGENCIES = ("urgent", "routine")

STEPS: tuple[tuple[str, Callable[[PanelTimes], float | None]], ...] = (
    ("Submission to triage", days_to_triage),
    ("Submission to first answer", days_to_answer),
    ("Submission to outcome", days_to_outcome),
    ("Waiting for the submitter", days_waited),
)

NO_PANEL = (
    "There is no panel yet that you may see. A panel begins when a coordinator names a lead for a "
    "request on the page of the ERN."
)
NONE_CLOSED = (
    "No panel that you may see is closed yet. A panel closes when its lead signs the outcome."
)


def per_stage(counts: Aggregates) -> ReportTable:
    """How many panels stand where, and how old the oldest is that is still open."""
    panels = counts.panels()
    now = counts.now()
    others = {panel.stage: panel.stage.replace("_", " ").capitalize() for panel in panels}
    rows = []
    for stage, title in (others | STAGES if panels else {}).items():
        here = [panel for panel in panels if panel.stage == stage]
        ages = [days_open(panel, now) for panel in here if is_open(panel)]
        rows.append(Count((title,), (len(here), *_per_urgency(here), max(ages, default=None))))
    rows.sort(key=lambda row: _place(row.labels[0]))
    still = sum(map(is_open, panels))
    note = (
        f"{_counted(len(panels), 'panel')}, {still} of them open. A request becomes a panel when "
        "a lead is named for it; age counts from the submission."
    )
    return ReportTable(
        columns=("Stage", "Panels", "Urgent", "Routine", "Oldest open"),
        rows=tuple(rows),
        units=("", "", "", "days"),
        note=note if panels else NO_PANEL,
    )


def times(counts: Aggregates) -> ReportTable:
    """Median and 90th percentile of each step, urgent apart from routine."""
    panels = counts.panels()
    rows = []
    for urgency in URGENCIES:
        asked = [panel for panel in panels if panel.urgency == urgency]
        for title, measure in STEPS:
            known = [days for panel in asked if (days := measure(panel)) is not None]
            if known:
                figures = (len(known), middle(known), nine_in_ten(known))
                rows.append(Count((urgency.capitalize(), title), figures))
    note = (
        f"{_counted(len(panels), 'panel')}; each line counts those that have come so far. Half of "
        "them took at most the median, nine in ten at most the last figure. The time to the "
        "outcome leaves out the time that the panel waited for its submitter."
    )
    return ReportTable(
        columns=("Urgency", "Step", "Panels", "Median", "Nine in ten within"),
        rows=tuple(rows),
        units=("", "days", "days"),
        charted=(1, 2),
        note=note if panels else NO_PANEL,
    )


def closed(counts: Aggregates) -> ReportTable:
    """Every closed panel with its times, the latest first."""
    found = [panel for panel in counts.panels() if is_closed(panel)]
    found.sort(key=lambda panel: (panel.closed_at or panel.submitted_at, panel.number))
    rows = tuple(_closed_row(panel) for panel in reversed(found))
    note = (
        f"{_counted(len(rows), 'closed panel')}, the latest first. Times count from the "
        "submission; the time to the outcome leaves out the time waited for the submitter. "
        "Contributors are counted without the submitter."
    )
    return ReportTable(
        columns=(
            *("Panel", "Urgency", "Closed on"),
            *("Triage", "First answer", "Outcome", "Waited", "Contributors", "Countries"),
        ),
        rows=rows,
        units=("days", "days", "days", "days", "", ""),
        charted=(2,),
        note=note if rows else NONE_CLOSED,
    )


def voices(counts: Aggregates) -> ReportTable:
    """How many people and countries stood behind the closed panels."""
    found = [panel for panel in counts.panels() if is_closed(panel)]
    steps = (*((str(count), range(count, count + 1)) for count in range(5)), ("5 or more", _MANY))
    rows = tuple(
        Count(
            (title,),
            (
                sum(panel.contributors in wanted for panel in found),
                sum(panel.countries in wanted for panel in found),
            ),
        )
        for title, wanted in (steps if found else ())
    )
    reviewed = sum(map(is_reviewed, found))
    note = (
        f"{_counted(len(found), 'closed panel')}, by the number of people who contributed beside "
        f"the submitter and of the countries they work in. {reviewed} of {len(found)} have "
        f"{ENOUGH} contributors or more and count as reviewed."
    )
    return ReportTable(
        columns=("How many", "Contributors", "Countries"),
        rows=rows,
        charted=(0, 1),
        note=note if found else NONE_CLOSED,
    )


def networks(counts: Aggregates) -> ReportTable:
    """One line for each network, the busiest first."""
    panels = counts.panels()
    sizes = Counter(name for panel in panels for name in panel.networks)
    rows = [
        _network_row(name, [panel for panel in panels if name in panel.networks])
        for name in sorted(sizes, key=lambda name: (-sizes[name], name))
    ]
    if sizes.total() > len(panels):  # whoever sums up the lines would count a panel twice
        rows.append(_network_row("All of them, each panel once", panels))
    note = (
        f"{_counted(len(panels), 'panel')}. One that networks share stands in the line of each; "
        "elsewhere it is counted once. Reviewed are closed panels with "
        f"{ENOUGH} contributors or more beside the submitter; the share is of the closed ones. The "
        "median is of routine panels, from submission to outcome without the time waited for the "
        "submitter."
    )
    return ReportTable(
        columns=("Network", "Panels", "Shared", "Open", *_CLOSED_COLUMNS),
        rows=tuple(rows),
        units=("", "", "", *_CLOSED_UNITS),
        note=note if panels else NO_PANEL,
    )


def years(counts: Aggregates) -> ReportTable:
    """What the yearly collection of indicators asks for, by calendar year in UTC."""
    panels = counts.panels()
    closing = {panel.number: panel.closed_at.year for panel in panels if panel.closed_at}
    found = {panel.submitted_at.year for panel in panels} | set(closing.values())
    rows = []
    for year in range(min(found, default=0), max(found, default=-1) + 1):
        sent = sum(panel.submitted_at.year == year for panel in panels)
        ended = [panel for panel in panels if closing.get(panel.number) == year]
        rows.append(Count((str(year),), (sent, *_closed_figures(ended))))
    note = (
        f"{_counted(len(panels), 'panel')}, by the year of submission and the year of closing. "
        "Reviewed panels stand for indicator 2.2 and the routine median for 2.3 of the networks' "
        f"monitoring; reviewed are closed panels with {ENOUGH} contributors or more beside the "
        "submitter. A patient whose case went to two panels counts twice."
    )
    return ReportTable(
        columns=("Year", "Submitted", *_CLOSED_COLUMNS),
        rows=tuple(rows),
        units=("", *_CLOSED_UNITS),
        charted=(0, 1),
        note=note if panels else NO_PANEL,
    )


REPORTS = tuple(
    Report(key=f"reporting.{key}", title=title, permission=PERMISSION, build=build)
    for key, title, build in (
        ("stages", "Panels by stage", per_stage),
        ("times", "Times", times),
        ("closed", "Closed panels", closed),
        ("voices", "Contributors and countries", voices),
        ("networks", "Networks", networks),
        ("years", "Years and indicators", years),
        ("advice", "Advice followed", advice),
        ("reasons", "Why advice was not followed", reasons),
    )
)

_MANY = range(5, 1_000_000)
_CLOSED_COLUMNS = ("Closed", "Reviewed", "Share reviewed", "Routine median")
_CLOSED_UNITS: tuple[Unit, ...] = ("", "", "%", "days")


def _closed_figures(panels: Sequence[PanelTimes]) -> tuple[float | int | None, ...]:
    ended = [panel for panel in panels if is_closed(panel)]
    reviewed = sum(map(is_reviewed, ended))
    routine = (days_to_outcome(panel) for panel in ended if panel.urgency == "routine")
    return len(ended), reviewed, share(reviewed, len(ended)), middle(routine)


def _network_row(name: str, panels: Sequence[PanelTimes]) -> Count:
    shared = sum(panel.is_shared for panel in panels)
    going_on = sum(map(is_open, panels))
    return Count((name,), (len(panels), shared, going_on, *_closed_figures(panels)))


def _closed_row(panel: PanelTimes) -> Count:
    day = panel.closed_at.date().isoformat() if panel.closed_at else ""
    return Count(
        (panel.number + (", shared" if panel.is_shared else ""), panel.urgency.capitalize(), day),
        (
            *(measure(panel) for _title, measure in STEPS),
            panel.contributors,
            panel.countries,
        ),
    )


def _per_urgency(panels: Iterable[PanelTimes]) -> list[int]:
    found = [panel.urgency for panel in panels]
    return [found.count(urgency) for urgency in URGENCIES]


def _place(title: str) -> int:
    order = [*STAGES.values()]
    return order.index(title) if title in order else len(order)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

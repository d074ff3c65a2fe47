"""The pages of the reports: a table, its chart, and the same as a file."""

from collections.abc import Sequence

from msgspec import Struct

from cpms_core import Answer, File, NotFoundError, Page, Report, ReportTable, Visit, route
from cpms_reporting.chart import chart_of
from cpms_reporting.csv_file import csv_of
from cpms_reporting.figures import as_day, shown, unit_of
from cpms_reporting.reports import PERMISSION

MOUNT = "/x/reporting"
MOST_ROWS = 200
READ = "report:report:read"
EXPORTED = "report:report:exported"
OWN = "reporting."


class Choice(Struct, frozen=True, kw_only=True):
    """A report in the list beside the table; ours by their short names, others by their keys."""

    key: str
    name: str
    title: str
    is_shown: bool

    @property
    def href(self) -> str:
        return f"{MOUNT}/{self.name}"


@route("GET", "/", permission=PERMISSION, event=READ)
def overview(visit: Visit) -> Answer:
    """The first report, with the list of all."""
    reports = visit.reports()
    if not reports:
        raise NotFoundError("No plugin of this site has a report that you may read.")
    return _page(visit, reports, reports[0])


@route("GET", "/{name:str}", permission=PERMISSION, event=READ)
def report(visit: Visit, name: str) -> Answer:
    reports = visit.reports()
    return _page(visit, reports, _found(reports, name))


@route("GET", "/{name:str}/export.csv", permission=PERMISSION, event=EXPORTED, api="report.export")
def export(visit: Visit, name: str) -> Answer:
    found = _found(visit.reports(), name)
    content = csv_of(visit.report(found.key))
    visit.record(EXPORTED)
    file_name = found.title.lower().replace(" ", "-")
    return File(content=content, media_type="text/csv", download_as=f"{file_name}.csv")


ROUTES = (overview, report, export)


def _page(visit: Visit, reports: Sequence[Report], found: Report) -> Answer:
    table = visit.report(found.key)
    visit.record(READ)
    choices = [
        Choice(key=one.key, name=_name(one), title=one.title, is_shown=one.key == found.key)
        for one in reports
    ]
    return Page(
        template="reporting/report.html",
        values={
            "choices": choices,
            "shown": next(choice for choice in choices if choice.is_shown),
            "table": table,
            "chart": chart_of(table),
            "rows": _rows(table),
            "headings": _headings(table),
            "left_out": max(len(table.rows) - MOST_ROWS, 0),
        },
    )


def _found(reports: Sequence[Report], name: str) -> Report:
    found = next((one for one in reports if name == _name(one)), None)
    if found is None:
        raise NotFoundError("There is no such report here, or its plugin is switched off.")
    return found


def _name(found: Report) -> str:
    return found.key.removeprefix(OWN)


class Cell(Struct, frozen=True, kw_only=True):
    heading: str
    words: str
    day: object = None
    figure: float | int | None = None
    is_figure: bool = False


def _rows(table: ReportTable) -> list[list[Cell]]:
    return [
        [
            *(
                Cell(heading=name, words=label, day=as_day(label))
                for name, label in zip(table.columns, row.labels, strict=False)
            ),
            *(
                Cell(
                    heading=name,
                    words=shown(figure, unit_of(table.units, place)),
                    figure=figure,
                    is_figure=True,
                )
                for place, (name, figure) in enumerate(
                    zip(table.columns[len(row.labels) :], row.figures, strict=False)
                )
            ),
        ]
        for row in table.rows[:MOST_ROWS]
    ]


def _headings(table: ReportTable) -> list[tuple[str, bool]]:
    """(name, whether it stands over figures)."""
    labels = len(table.rows[0].labels) if table.rows else len(table.columns)
    return [(name, place >= labels) for place, name in enumerate(table.columns)]

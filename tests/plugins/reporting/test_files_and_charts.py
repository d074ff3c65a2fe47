"""How a table of any plugin becomes a file, words and bars."""

import pytest

from cpms_core import Count, ReportTable, Unit
from cpms_reporting.chart import MOST, chart_of
from cpms_reporting.csv_file import csv_of, escaped
from cpms_reporting.figures import shown


def table(*rows: Count, **values: object) -> ReportTable:
    return ReportTable(columns=("Who", "Cases", "Time"), rows=rows, **values)  # type: ignore[arg-type]  # any of its fields


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"])  # noqa: RUF001 - full-width on purpose
def test_a_cell_that_would_be_calculated_becomes_text(start: str) -> None:
    assert escaped(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"


@pytest.mark.parametrize("text", ["", "Wren-38", "a=b", " =1", "'=1", "Αλκυόνη"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert escaped(text) == text


def test_a_file_quotes_what_needs_it_and_keeps_figures_exact() -> None:
    rows = (
        Count(('=cmd|" /C calc"!A1, "x"',), (-3, 0.30000000000000004)),
        Count(("Ž",), (1, None)),
    )
    made = csv_of(table(*rows, units=("", "days"))).decode("utf-8-sig")
    assert made == (
        "Who,Cases,Time (days)\r\n"
        '"\'=cmd|"" /C calc""!A1, ""x""",-3,0.30000000000000004\r\n'
        "Ž,1,\r\n"
    )


def test_an_empty_table_is_a_file_with_its_head() -> None:
    assert csv_of(table()).decode("utf-8-sig") == "Who,Cases,Time\r\n"


@pytest.mark.parametrize(
    ("figure", "unit", "words"),
    [
        (1234567, "", "1,234,567"),
        (2.5, "", "2.5"),
        (0, "", "0"),
        (0.0174, "days", "25 min"),
        (0.3125, "days", "7.5 h"),
        (1.9, "days", "45.6 h"),
        (12.44, "days", "12.4 days"),
        (1045.2, "days", "1,045 days"),
        (66.7, "%", "67 %"),
        (0.4, "%", "0.4 %"),
        (0, "%", "0 %"),
        (None, "days", "\u2013"),
    ],
)
def test_figures_are_shown_with_their_unit(figure: float | None, unit: Unit, words: str) -> None:
    assert shown(figure, unit).replace("\u00a0", " ") == words


def test_bars_share_one_scale() -> None:
    chart = chart_of(table(Count(("a",), (2, 8)), Count(("b",), (None, 4)), charted=(0, 1)))
    assert chart is not None
    assert [[bar.width for bar in line.bars] for line in chart.lines] == [
        [25.0, 100.0],
        [0.0, 50.0],
    ]
    assert chart.names == ("Cases", "Time")


def test_the_first_of_two_labels_groups_the_lines() -> None:
    chart = chart_of(
        ReportTable(columns=("A", "B", "C"), rows=(Count(("Urgent", "Triage"), (1,)),))
    )
    assert chart is not None
    assert (chart.lines[0].group, chart.lines[0].title) == ("Urgent", "Triage")


@pytest.mark.parametrize("figures", [(0, 0), (None, None)])
def test_there_is_no_chart_of_nothing(figures: tuple[float | None, ...]) -> None:
    assert chart_of(table(Count(("a",), figures))) is None
    assert chart_of(table()) is None


def test_a_long_chart_says_how_much_it_leaves_out() -> None:
    chart = chart_of(table(*(Count((str(n),), (n, n)) for n in range(1, MOST + 8))))
    assert chart is not None
    assert (len(chart.lines), chart.left_out) == (MOST, 7)

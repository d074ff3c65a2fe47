"""Whatever stands in the store is shown as text and leaves the site as text, wherever it came from.

test_stored_scripts.py sends markup through every form; here it comes with imported files, with the
elements of images, with the terms of a terminology, or from an older version of the program.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from httpx import Response

from tests.core.terminology import store
from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.markup import TEXTS, Page, wrong_headers
from tests.web.matrix import PUBLIC, Matrix, allowed
from tests.web.planted import plant
from tests.web.world import Until

STAGES: tuple[Until, ...] = ("submitted", "assessment", "signed")


@pytest.mark.parametrize("until", STAGES)
def test_markup_in_any_stored_text_is_shown_as_text(quick_site: TestSite, until: Until) -> None:
    matrix = _planted(quick_site, until, TEXTS[0])
    wrong, shown = [], 0
    for name, answer in _every_answer(matrix, "GET"):
        assert answer.status_code < 500, name
        wrong += [f"{name}: {one}" for one in wrong_headers(answer)]
        if answer.headers["content-type"].startswith("text/html"):
            page = Page(answer)
            wrong += [f"{name}: {one}" for one in page.wrong]
            shown += "<xss-b" in page.text
    assert not wrong, "\n".join(wrong)
    assert shown > 20


FORMULAS = (
    *("=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", '=cmd|"/C calc"!A0'),
    *("\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201"),
)
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CASE = "POST /cases/{case_id}/export.csv"
REPORT = "GET /x/reporting/{name}/export.csv"
EXAMPLE = "GET /directory/import/example/{kind}"
A_TABLE = "text/csv"
OTHERS = {"text/html", "text/plain", "application/json", "application/pdf", "application/zip"} | {
    *("image/jpeg", "image/png", "application/dicom", "text/event-stream"),
}
"""What else leaves the site. No workbook does: no other kind of table is known to it."""


def test_no_cell_of_any_table_that_leaves_the_site_is_calculated(quick_site: TestSite) -> None:
    matrix = Matrix(quick_site, "signed")
    for formula in FORMULAS:
        with quick_site.transaction() as session:
            plant(session, matrix.world, formula)
        escaped = set()
        for name, answer in _tables(matrix):
            for row in csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")):
                for cell in row:
                    assert _is_a_number(cell) or not cell.startswith(STARTS), f"{name}: {cell!r}"
                    escaped |= {name} if cell == f"'{formula}" else set()
        assert {CASE, REPORT} <= escaped, formula
        matrix.restore()


def test_no_table_leaves_the_site_but_those(quick_site: TestSite) -> None:
    matrix = Matrix(quick_site, "assessment")
    kinds = defaultdict(set)
    for name, answer in (*_every_answer(matrix, "GET"), *_every_answer(matrix, "POST")):
        kinds[answer.headers.get("content-type", "").partition(";")[0]].add(name)
    assert kinds[A_TABLE] == {name for name, _ in _tables(matrix)}
    assert kinds.keys() <= {A_TABLE, *OTHERS}


def _tables(matrix: Matrix) -> Iterator[tuple[str, Response]]:
    yield CASE, matrix.send(CASE, ATTEMPTS[CASE], "professional")
    for report in matrix.site.live.registry.reports.values():
        attempt = Attempt(values={"name": report.key.removeprefix("reporting.")})
        yield REPORT, matrix.send(REPORT, attempt, "coordinator")
    for kind in ("people", "centres"):
        yield EXAMPLE, matrix.send(EXAMPLE, Attempt(values={"kind": kind}), "system administrator")


def _is_a_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", cell) is not None


def _planted(site: TestSite, until: Until, text: str) -> Matrix:
    matrix = Matrix(site, until)
    store.fill(site.engine)
    with site.transaction() as session:
        plant(session, matrix.world, text)
    return matrix


def _every_answer(matrix: Matrix, method: str) -> Iterator[tuple[str, Response]]:
    """As two of those who may: they may see different things."""
    known = {*matrix.world.values, "attachment_id"}
    for owner, route in matrix.site.live.registry.routes:
        name = name_of(owner, route)
        attempt = ATTEMPTS.get(name, Attempt())
        is_there = set(re.findall(r"\{(\w+)\}", name)) <= known | attempt.values.keys()
        if route.method == method and name not in PUBLIC and is_there:
            for person in sorted(allowed(name, route))[:2]:
                yield name, matrix.send(name, attempt, person)
                if method == "POST":
                    matrix.restore()

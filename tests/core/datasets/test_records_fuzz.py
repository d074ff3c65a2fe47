"""Whatever is sent, a form answers with errors; whatever is valid, comes back as it was."""

import json
import unicodedata
from datetime import date
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cpms_core.datasets import records
from cpms_core.datasets.kinds import Finding, Measurement
from tests.core.datasets.every_kind import DATASET, FILE, FULL, TERMS, EveryKind, Visit, resolve

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = sorted(
    {
        *records.as_form(DATASET, FULL),
        *records.as_form(DATASET, None),
        "visits.0.notes._rows",
        "visits.00.place",
        "visits.0.notes.0.deeper",
        "findings._new",
        "findings.__findings__.term",
        "birth",
        "height",
        "visits",
        "visits.-1.place",
        "name.deeper.still",
        "name._rows",
        "._rows",
        "",
        "_add",
        "_remove",
    }
)
STRINGS = st.one_of(
    st.text(st.characters(), max_size=12),
    st.text(st.characters(categories=["Cs", "Cc", "Nd", "Zs"]), max_size=6),
    st.from_regex(r"[+-]?[0-9]{1,30}([.,][0-9]{1,5})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,5}([-./ ][0-9a-z]{1,4}){0,2}", fullmatch=True),
    st.sampled_from(
        [
            *("nan", "inf", "1e400", "on", "yes", "exome", "5", "0", "told", str(FILE)),
            *("2024-05-17", "0000-00-00", "HP:0001572 Cleft palate", "- ORPHA:2332", "visits"),
            *("visits.0", "visits.0.notes", "findings", "a.b.c", "\ud800", "\0"),
        ]
    ),
)
SUBMITTED = st.dictionaries(
    st.one_of(st.sampled_from(NAMES), st.text(max_size=10)),
    st.one_of(STRINGS, st.lists(STRINGS, max_size=4)),
    max_size=25,
)


@given(SUBMITTED)
@QUICK
def test_no_submission_raises_and_every_answer_is_usable(submitted: dict[str, Any]) -> None:
    parsed = records.parse(DATASET, submitted, resolve=resolve, files={FILE})
    assert (parsed.value is None) == bool(parsed.errors)
    json.dumps(parsed.raw, ensure_ascii=False).encode()  # a draft can always be stored
    assert records.raw_form(DATASET, parsed.raw) == parsed.raw
    view = records.form_view(DATASET, parsed.raw, parsed.errors)
    assert all(problem.message and problem.title for problem in view.summary)
    records.edit_rows(DATASET, submitted)
    if parsed.value is not None:
        data = records.encode(parsed.value)
        assert records.decode(DATASET, 1, data) == parsed.value


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "Nd"]), min_size=1, max_size=8).map(
    lambda text: unicodedata.normalize("NFC", text)  # as a form stores it
)
FIGURES = st.floats(0.25, 300, allow_subnormal=False)
DAYS = st.dates(date(1900, 1, 1), date(2024, 12, 31))
WEIGHED = st.builds(
    Measurement, value=st.floats(allow_nan=False, allow_infinity=False), taken_on=st.none() | DAYS
)


@given(
    name=WORDS,
    head=st.none() | st.floats(20, 80),
    count=st.none() | st.integers(0, 20),
    findings=st.lists(
        st.builds(
            Finding, term=st.sampled_from(TERMS[:2]), absent=st.booleans(), onset=st.just("")
        ),
        max_size=2,
        unique_by=lambda finding: finding.term.code,
    ).map(tuple),
    visits=st.lists(st.builds(Visit, place=WORDS, weight=st.none() | FIGURES), max_size=5).map(
        tuple
    ),
    weights=st.lists(WEIGHED, max_size=4).map(tuple),
    since=st.none() | DAYS.map(str) | DAYS.map(lambda day: str(day)[:7]),
)
@QUICK
def test_a_value_survives_the_form_and_the_store(**answers: Any) -> None:
    value = EveryKind(**answers)
    kept = records.parse(DATASET, records.as_form(DATASET, value), resolve=resolve)
    assert kept.errors == {}
    assert kept.value == value
    assert records.decode(DATASET, 1, records.encode(value)) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
@QUICK
def test_any_stored_json_can_be_shown_as_plain_fields(data: Any) -> None:
    assert records.display_plain(data)

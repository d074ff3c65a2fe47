"""The test kit tells a plugin's author what a site would do."""

from datetime import date
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from cpms_core import Dataset, Finding, Term
from cpms_core.datasets.records import UnreadableRecordError
from cpms_core.testing import fill_form, form_errors, read_stored

CLEFT = Term("hpo", "HP:0000175", "Cleft palate")


class Visit(Struct, frozen=True, kw_only=True):
    seen_on: date
    findings: Annotated[tuple[Finding, ...], Meta(extra={"systems": ["hpo"]})] = ()


def test_strings_become_a_value() -> None:
    assert fill_form(Visit, {"seen_on": "2024-05-17"}) == Visit(seen_on=date(2024, 5, 17))


def test_a_form_that_would_be_refused_fails_the_test_with_the_sentences() -> None:
    with pytest.raises(AssertionError, match="seen_on"):
        fill_form(Visit, {"seen_on": "yesterday"})
    assert list(form_errors(Visit, {"seen_on": "yesterday"})) == ["seen_on"]


@pytest.mark.parametrize("typed", ["HP:0000175", "Cleft palate"])
def test_a_known_term_can_be_chosen_by_code_and_by_label(typed: str) -> None:
    submitted = {"seen_on": "2024-05-17", "findings._new": typed}
    assert fill_form(Visit, submitted, terms=[CLEFT]).findings == (Finding(term=CLEFT),)
    assert list(form_errors(Visit, submitted)) == ["findings._new"]


def test_what_an_older_version_stored_goes_through_its_upgrade() -> None:
    def upgrade(version: int, data: dict[str, Any]) -> dict[str, Any]:
        assert version == 1
        return {"seen_on": data["day"]}

    dataset = Dataset(key="a.b", title="Visit", schema=Visit, version=2, upgrade=upgrade)
    assert read_stored(dataset, 1, {"day": "2024-05-17"}) == Visit(seen_on=date(2024, 5, 17))
    with pytest.raises(UnreadableRecordError):
        read_stored(dataset, 3, {"seen_on": "2024-05-17"})

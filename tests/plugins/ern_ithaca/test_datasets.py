import msgspec
import pytest

from cpms_core import Dataset
from cpms_core.datasets.fields import Field, describe
from cpms_core.testing import check_plugin
from cpms_ern_ithaca import ErnIthaca

DATASETS = {dataset.key: dataset for dataset in ErnIthaca().datasets()}


def every_field(dataset: Dataset) -> list[Field]:
    fields = list(describe(dataset.schema))
    for field in fields:
        fields.extend(field.children)
        fields.extend(field.item.children if field.item else ())
    return fields


def test_the_plugin_can_be_enabled() -> None:
    assert check_plugin("ern_ithaca") == []


def test_the_network_asks_for_findings_and_requires_no_more_than_question_and_summary() -> None:
    (ithaca,) = ErnIthaca().networks()
    assert ithaca.case_prefix == "ITH"
    assert ithaca.required_datasets == ()
    assert set(ithaca.helpful_datasets) <= DATASETS.keys()
    assert len(ithaca.areas) == 10


@pytest.mark.parametrize("key", DATASETS)
def test_an_empty_form_is_a_valid_draft(key: str) -> None:
    schema = DATASETS[key].schema
    assert msgspec.convert({}, schema) == schema()


@pytest.mark.parametrize("key", DATASETS)
def test_every_field_has_a_title_in_words(key: str) -> None:
    for field in every_field(DATASETS[key]):
        assert field.title, field.path
        assert "_" not in field.title, field.path


@pytest.mark.parametrize("key", DATASETS)
def test_a_measured_field_has_limits_and_a_unit(key: str) -> None:
    bare = {"pregnancy_number", "losses", "apgar_1", "apgar_5", "structural.copies"}
    for field in every_field(DATASETS[key]):
        if field.kind in ("integer", "decimal"):
            assert field.limits.ge is not None, field.path
            assert field.limits.le is not None, field.path
            assert field.unit or field.path in bare, field.path

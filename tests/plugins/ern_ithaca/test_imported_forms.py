"""What an importer made is what the form would have made: it passes the same checks, unchanged."""

from cpms_core import Dataset
from cpms_core.datasets.records import as_form, parse, problems
from cpms_ern_ithaca import ErnIthaca
from cpms_ern_ithaca.datasets.diagnosis import DiagnosisRecord
from cpms_ern_ithaca.datasets.growth import Growth
from cpms_ern_ithaca.phenopacket import read
from tests.plugins.ern_ithaca.published import published_files

DATASETS = {dataset.key: dataset for dataset in ErnIthaca().datasets()}


def dataset_of(schema: type) -> Dataset:
    return next(dataset for dataset in DATASETS.values() if dataset.schema is schema)


def test_an_imported_record_survives_being_opened_and_saved() -> None:
    for path in published_files()[::6]:
        for key, value in read(path.read_bytes()).records.items():
            dataset = DATASETS[key]
            assert problems(dataset, value) == {}, path.name
            saved = parse(dataset, as_form(dataset, value), before=value)
            assert saved.errors == {}, path.name
            assert saved.value == value, path.name


def test_a_diagnosis_needs_a_code_or_words() -> None:
    form = {"diagnoses._rows": ["0"], "diagnoses.0.certainty": ["possible"]}
    assert list(parse(dataset_of(DiagnosisRecord), form).errors) == ["diagnoses.0"]
    form["diagnoses.0.in_words"] = ["a new syndrome"]
    assert parse(dataset_of(DiagnosisRecord), form).errors == {}


def test_a_measure_needs_a_date_or_an_age() -> None:
    form = {"visits._rows": ["0"], "visits.0.weight": ["12.5"]}
    assert list(parse(dataset_of(Growth), form).errors) == ["visits.0"]
    form["visits.0.age"] = ["2 y 3 m"]
    assert parse(dataset_of(Growth), form).errors == {}

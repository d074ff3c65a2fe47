import json
from datetime import date

import msgspec
import pytest

from cpms_core.datasets.fields import describe
from cpms_core.panels.outcome.canonical import canonical_json, parse_canonical
from cpms_core.panels.outcome.document import count_agreement, encode_outcome, read_outcome
from cpms_core.panels.outcome.draft import OutcomeDraft, missing_parts
from tests.core.panels.make_outcome import (
    KBG,
    MEMBERS,
    make_document,
    make_opinion,
    make_recommendation,
)


def test_canonical_json_is_that_of_rfc_8785() -> None:
    # The string example of its section 3.2.2.2 and the sorting example of 3.2.3.
    assert (
        canonical_json({"string": '€$\u000f\nA\'B"\\\\"/'})
        == '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()
    )
    names = ["€", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "ö"]
    ordered = list(json.loads(canonical_json(dict.fromkeys(names, None))))
    assert ordered == ["\r", "1", "\u0080", "ö", "€", "\U0001f600", "\ufb33"]
    assert canonical_json({"b": [True, False, None, -0, 12], "a": ()}) == (
        b'{"a":[],"b":[true,false,null,0,12]}'
    )
    assert canonical_json("\b\f\t\x7f\x1f") == b'"\\b\\f\\t\x7f\\u001f"'


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), float("nan"), {1: 2}, b"x", "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        canonical_json([value])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":NaN}',
        b'{"a":"\\u0041"}',
        b"\xff",
        b"",
        b"[" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'"\\ud800"',
        b"9" * 10_000,
    ],
)
def test_any_other_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_canonical(data)


def test_an_outcome_comes_back_from_its_bytes_unchanged() -> None:
    document = make_document()
    data = encode_outcome(document)
    assert read_outcome(data) == document
    assert encode_outcome(read_outcome(data)) == data
    assert "Παπαδοπούλου".encode() in data


def test_equal_outcomes_have_equal_bytes_and_any_change_shows() -> None:
    assert encode_outcome(make_document()) == encode_outcome(make_document())
    changed = make_document(opinion=make_opinion(limits="None."))
    assert encode_outcome(changed) != encode_outcome(make_document())


def test_bytes_that_are_no_outcome_are_refused_in_words() -> None:
    data = encode_outcome(make_document())
    later = data.replace(b'"cpms-outcome-1"', b'"cpms-outcome-9"')
    longer = canonical_json(json.loads(data) | {"extra": 1})
    for wrong in (b"{}", b"no JSON", later, longer, data + b"\n"):
        with pytest.raises(ValueError, match="This is no outcome of the format cpms-outcome-1"):
            read_outcome(wrong)


def test_the_draft_is_a_form_of_the_dataset_engine() -> None:
    fields = {field.key: field for field in describe(OutcomeDraft)}
    assert fields["answer"].kind == "long_text"
    assert fields["diagnosis"].systems == ("orpha", "omim")
    assert not fields["diagnosis"].required
    rows = fields["recommendations"].rows_of
    assert [child.key for child in rows.children if child.required] == ["kind", "what", "strength"]
    assert all(field.title for field in fields.values())


def test_a_stored_draft_becomes_the_opinion_again() -> None:
    stored = msgspec.to_builtins(make_opinion())
    assert msgspec.convert(json.loads(json.dumps(stored)), OutcomeDraft) == make_opinion()


def test_agreement_counts_only_those_who_are_asked() -> None:
    first, _, third = count_agreement(make_opinion(), MEMBERS)
    assert (first.agreed, first.remarked, first.disagreed, first.asked) == (3, 0, 0, 3)
    assert (third.number, third.agreed, third.remarked, third.asked) == (3, 2, 1, 3)


def test_a_disagreement_with_all_counts_against_each_recommendation() -> None:
    lead, agrees, *_ = MEMBERS
    against = msgspec.structs.replace(agrees, position="disagree", remark="No.")
    silent = msgspec.structs.replace(agrees, position="not answered")
    remarks = msgspec.structs.replace(agrees, position="remark", remark="Well put.")
    stands = count_agreement(make_opinion(), (lead, against, silent, remarks))
    assert {(s.agreed, s.remarked, s.disagreed, s.asked) for s in stands} == {(2, 0, 1, 4)}


def test_a_partial_disagreement_leaves_the_other_recommendations_alone() -> None:
    lead, agrees, *_ = MEMBERS
    against = msgspec.structs.replace(agrees, position="disagree", remark="No.", on=(2,))
    stands = count_agreement(make_opinion(), (lead, against))
    assert [(s.agreed, s.disagreed) for s in stands] == [(2, 0), (1, 1), (2, 0)]


def test_a_complete_draft_misses_nothing() -> None:
    assert missing_parts(make_opinion()) == ()
    assert missing_parts(make_opinion(recommendations=(), next_step="Wait a year.")) == ()


def test_a_draft_says_what_it_misses() -> None:
    unsure = make_opinion(certainty=None)
    assert missing_parts(unsure) == ("Say how certain the diagnosis is.",)
    nothing = make_opinion(diagnosis=None, recommendations=(), next_step="")
    assert len(missing_parts(nothing)) == 2


def test_dates_and_terms_are_plain_in_the_frozen_text() -> None:
    data = json.loads(
        encode_outcome(
            make_document(
                opinion=make_opinion(
                    recommendations=(make_recommendation(due_on=date(2027, 1, 9)),)
                )
            )
        )
    )
    assert data["frozen_at"] == "2026-11-22T14:03:00Z"
    assert data["opinion"]["recommendations"][0]["due_on"] == "2027-01-09"
    assert data["opinion"]["diagnosis"]["code"] == KBG.code

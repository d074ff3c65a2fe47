"""Versions of one outcome: each names the hash of the one it amends."""

import json
from typing import Any

import pytest

from cpms_core.panels.outcome.canonical import canonical_json
from cpms_core.panels.outcome.document import encode_outcome
from cpms_core.panels.outcome.pdf import render_pdf
from cpms_core.panels.outcome.pdf_mark import Amended, read_mark
from cpms_core.panels.outcome.signature import SignedOutcome, encode_signature
from cpms_core.panels.outcome.verify import Verification, verify_file
from tests.core.panels.make_outcome import (
    FROZEN_AT,
    ORIGIN,
    make_document,
    make_signed,
    print_signed,
    sign,
)
from tests.softkey import SoftKey


def _pair(signed: SignedOutcome) -> tuple[bytes, bytes]:
    return signed.outcome, encode_signature(signed)


def _amending(first: SignedOutcome, **changes: Any) -> SignedOutcome:
    values = {"version": 3, "previous_sha256": first.outcome_sha256} | changes
    return make_signed(**values)


def _said(found: Verification, ok: bool | None) -> str:
    return " ".join(line.text for line in found.lines if line.ok is ok)


def test_the_chain_is_proved_as_far_as_the_files_go() -> None:
    first = make_signed()
    second = _amending(first)
    third = _amending(second, version=4)
    found = verify_file(print_signed(third), earlier=[print_signed(first), _pair(second)])
    assert found.ok
    assert "Version 4 amends version 3" in _said(found, ok=True)
    assert "Version 3 amends version 2" in _said(found, ok=True)
    found = verify_file(print_signed(third), earlier=[print_signed(first)])
    assert found.ok
    assert "that file was not given" in _said(found, ok=None)


@pytest.mark.parametrize("changes", [{"panel_number": "ITH-2026-9999"}, {"version": 7}])
def test_a_version_that_cannot_come_before_breaks_the_chain(changes: dict[str, Any]) -> None:
    first = make_signed(**changes)
    found = verify_file(print_signed(_amending(first)), earlier=[_pair(first)])
    assert not found.ok
    assert "which cannot be" in _said(found, ok=False)


def test_an_earlier_version_whose_signature_fails_breaks_the_chain() -> None:
    key = SoftKey(ORIGIN)
    forged = sign(SoftKey(ORIGIN), make_document(key))
    found = verify_file(print_signed(_amending(forged)), earlier=[_pair(forged), [b"{}", b"{}"]])
    assert not found.ok
    assert "is not proved" in _said(found, ok=False)


def test_a_superseded_print_is_the_same_outcome_with_a_mark() -> None:
    signed = make_signed()
    mark = Amended(version=3, on=FROZEN_AT.date(), sha256="a" * 64).mark
    outcome, signature = _pair(signed)
    data = render_pdf(outcome, signature, mark)
    found = verify_file(data)
    assert found.ok and found.pages == "same"
    assert "version 3 amended it on 22 Nov 2026" in _said(found, ok=None)
    assert data != print_signed(signed)


@pytest.mark.parametrize("text", ["", "amended-by 2 2026-13-40 " + "a" * 64, "amended-by x"])
def test_keywords_that_are_no_mark_say_nothing(text: str) -> None:
    assert read_mark(text) is None


def test_an_outcome_signed_before_recommendations_said_more_still_verifies() -> None:
    key = SoftKey(ORIGIN)
    old = json.loads(encode_outcome(make_document(key)))
    del old["amends_because"], old["opinion"]["for_family"]
    for one in old["opinion"]["recommendations"]:
        del one["feasible"], one["for_family"]
    signed = sign(key, canonical_json(old))
    found = verify_file(print_signed(signed))
    assert found.ok and found.pages == "same"
    assert found.outcome_sha256 == signed.outcome_sha256

import io
import json
import random
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pypdf import PdfReader, PdfWriter

from cpms_core import sandbox
from cpms_core.panels.outcome import verify
from cpms_core.panels.outcome.canonical import canonical_json
from cpms_core.panels.outcome.pdf import RENDERER
from cpms_core.panels.outcome.signature import SignedOutcome, encode_signature
from cpms_core.panels.outcome.unpack import LARGEST_FILE
from cpms_core.panels.outcome.verify import Verification, verify_file
from tests.core.panels.make_outcome import (
    ORIGIN,
    make_document,
    make_opinion,
    make_signed,
    print_draft,
    print_signed,
    sign,
)
from tests.softkey import SoftKey


def _said(found: Verification) -> str:
    return " ".join(line.text for line in found.lines)


def _check(signed: SignedOutcome, **more: Any) -> Verification:
    """As the pair of JSON files."""
    return verify_file(signed.outcome, signature=encode_signature(signed), **more)


def test_a_signed_outcome_is_confirmed_from_its_pdf_alone(tmp_path: Path) -> None:
    signed = make_signed()
    path = tmp_path / "outcome.pdf"
    path.write_bytes(print_signed(signed))
    found = verify_file(path)
    assert found.ok
    assert found.pages == "same"
    assert found.document == make_document(SoftKey(ORIGIN), signer=found.document.signer)  # type: ignore[union-attr]  # asserted just here
    assert found.outcome_sha256 == signed.outcome_sha256
    assert found.key_fingerprint == signed.key_fingerprint
    assert found.signed_at == signed.signed_at
    assert found.summary == (
        "This is the outcome that Dr Élise Moreau, panel lead, Hôpital Robert-Debré, France signed."
    )
    assert "SHA-256 is " + signed.outcome_sha256 in _said(found)


def test_the_two_files_side_by_side_are_enough(tmp_path: Path) -> None:
    signed = make_signed()
    (tmp_path / "outcome.json").write_bytes(signed.outcome)
    (tmp_path / "signature.json").write_bytes(encode_signature(signed))
    assert verify_file(str(tmp_path / "outcome.json")).ok
    (tmp_path / "signature.json").unlink()
    assert "signature.json cannot be read" in _said(verify_file(tmp_path / "outcome.json"))


def test_what_the_file_cannot_prove_is_said() -> None:
    found = _check(make_signed())
    open_points = [line.text for line in found.lines if line.ok is None]
    assert any("is the word of https://cpms.example.org" in text for text in open_points)
    assert any("is the site's word" in text for text in open_points)


def _tampered(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_any_changed_byte_of_the_outcome_is_found() -> None:
    signed = make_signed()
    signature = encode_signature(signed)
    for at in range(len(signed.outcome)):
        assert not verify_file(_tampered(signed.outcome, at), signature=signature).ok


def test_any_changed_byte_of_the_signature_but_its_date_is_found() -> None:
    signed = make_signed()
    signature = encode_signature(signed)
    date = b'"signed_at":"2026-11-22T14:03:40Z"'
    start = signature.index(date)
    passed = [
        at
        for at in range(len(signature))
        if verify_file(signed.outcome, signature=_tampered(signature, at)).ok
    ]
    # The date is the site's word and says so; it can move only within the hour of the ceremony.
    assert all(start < at < start + len(date) for at in passed)


def test_any_changed_byte_of_the_pdf_is_found() -> None:
    data = print_signed(make_signed())
    chosen = random.Random(2026)  # noqa: S311 (the same places on every run)
    for at in chosen.sample(range(len(data)), 60):
        found = verify_file(_tampered(data, at))
        assert not found.ok or found.pages == "not compared"


@pytest.mark.parametrize("seconds", [-60, 3700])
def test_a_date_that_does_not_fit_the_ceremony_is_refused(seconds: int) -> None:
    signed = make_signed()
    moved = msgspec.structs.replace(
        signed,
        signed_at=signed.signed_at.fromtimestamp(
            signed.signed_at.timestamp() + seconds, signed.signed_at.tzinfo
        ),
    )
    found = _check(moved)
    assert not found.ok
    assert "The times do not fit" in _said(found)


def test_a_key_the_outcome_does_not_name_is_refused() -> None:
    found = _check(sign(SoftKey(ORIGIN), make_document(SoftKey(ORIGIN))))
    assert not found.ok
    assert "none of those the outcome names for Dr Élise Moreau" in _said(found)
    assert found.document is None
    assert found.signer == ""


def test_another_credential_id_for_the_same_key_is_refused() -> None:
    signed = make_signed()
    assert not _check(msgspec.structs.replace(signed, credential_id=b"other")).ok


def test_a_wrong_signature_shows_nothing_of_the_outcome() -> None:
    key = SoftKey(ORIGIN)
    found = _check(sign(key, make_document(key), origin="https://evil.example"))
    assert not found.ok
    assert found.document is None
    assert found.summary == "This file is not proved to be a signed outcome."


def test_a_site_recognises_its_own_keys() -> None:
    signed = make_signed()
    known = {signed.key_fingerprint: "Dr Élise Moreau, key “blue”"}
    found = _check(signed, trusted_keys=known, own_origin=ORIGIN)
    assert found.ok
    assert "This site knows the key: Dr Élise Moreau, key “blue”." in _said(found)


def test_a_self_made_key_in_the_sites_name_is_unmasked() -> None:
    found = _check(make_signed(), trusted_keys={}, own_origin=ORIGIN)
    assert not found.ok
    assert "this site never knew that key" in _said(found)
    assert found.summary == "This file was not signed by a key of this site."


def test_another_sites_key_is_left_open() -> None:
    found = _check(make_signed(), trusted_keys={}, own_origin="https://other.example")
    assert found.ok
    assert "this site does not know the key" in _said(found)


def _rewritten(data: bytes, **metadata: str) -> bytes:
    writer = PdfWriter(clone_from=io.BytesIO(data))
    if metadata:
        writer.add_metadata({f"/{key}": value for key, value in metadata.items()})
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def test_other_pages_around_a_genuine_outcome_are_noticed() -> None:
    changed = PdfWriter(clone_from=io.BytesIO(print_signed(make_signed())))
    changed.remove_page(0)
    written = io.BytesIO()
    changed.write(written)
    found = verify_file(written.getvalue())
    assert not found.ok
    assert found.pages == "changed"
    assert found.document is not None
    assert found.summary.endswith("the file's pages are not.")


def test_bytes_appended_to_the_pdf_are_noticed() -> None:
    assert verify_file(print_signed(make_signed()) + b"\n% more").pages == "changed"


def test_a_print_of_another_version_is_not_called_the_same() -> None:
    found = verify_file(_rewritten(print_signed(make_signed()), Keywords="renderer typst-0.1"))
    assert found.ok
    assert found.pages == "not compared"
    assert "read the outcome here" in found.summary


def test_two_outcomes_in_one_file_are_refused() -> None:
    writer = PdfWriter(clone_from=io.BytesIO(print_signed(make_signed())))
    writer.add_attachment("outcome.json", make_signed().outcome)
    written = io.BytesIO()
    writer.write(written)
    assert "once each" in _said(verify_file(written.getvalue()))


def test_a_draft_carries_nothing_to_verify() -> None:
    found = verify_file(print_draft(make_document()))
    assert not found.ok
    assert "carries no signed outcome" in _said(found)


def _bomb() -> bytes:
    """A PDF whose attachment grows to 200 MB when it is unpacked."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_attachment("outcome.json", b"x")
    writer.add_attachment("signature.json", b"{}")
    written = io.BytesIO()
    writer.write(written)
    packed = zlib.compress(bytes(200_000_000), 9)
    stream = b"/Filter /FlateDecode /Length %d" % len(packed)
    return (
        written.getvalue()
        .replace(b"stream\nx\n", b"stream\n" + packed + b"\n")
        .replace(b"/Length 1\n", stream + b"\n")
    )


_LOOP = b"""%PDF-1.7
1 0 obj<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles 3 0 R>>>>endobj
2 0 obj<</Type/Pages/Kids[2 0 R]/Count 1>>endobj
3 0 obj<</Kids[3 0 R]>>endobj
trailer<</Root 1 0 R/Prev 0>>
startxref
0
%%EOF"""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%PDF-",
        b"%PDF-1.7\n" + bytes(10_000),
        b"PK\x03\x04",
        b"{}",
        _LOOP,
        _bomb(),
        b"%PDF-1.7\n" + b"<<" * 50_000,
        b"x" * (LARGEST_FILE + 1),
    ],
    ids=["empty", "head", "zeros", "zip", "json", "loop", "bomb", "deep", "huge"],
)
@pytest.mark.filterwarnings("ignore")  # the parser warns about what it skips
def test_hostile_files_only_lead_to_a_sentence(data: bytes) -> None:
    found = verify_file(data, signature=b"{}")
    assert not found.ok
    assert len(found.lines) == 1
    assert found.lines[0].text.endswith(".")


def test_a_cut_off_pdf_is_refused() -> None:
    data = print_signed(make_signed())
    for length in (100, len(data) // 2, len(data) - 300):
        assert not verify_file(data[:length]).ok


def test_an_outcome_of_a_later_format_is_named_as_such() -> None:
    key = SoftKey(ORIGIN)
    signed = sign(key, make_document(key))
    later = canonical_json(json.loads(signed.outcome) | {"format": "cpms-outcome-2"})
    assert "no outcome of the format cpms-outcome-1" in _said(_check(sign(key, later)))


def test_an_outcome_that_cannot_be_printed_does_not_stop_the_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = print_signed(make_signed(opinion=make_opinion(heading="Other")))

    def refuse(*_: bytes) -> bytes:
        raise RuntimeError

    monkeypatch.setattr(verify, "render_pdf", refuse)
    assert verify_file(data).pages == "changed"
    assert RENDERER in str(PdfReader(io.BytesIO(data)).metadata)


def test_the_check_runs_in_the_sandbox(tmp_path: Path) -> None:
    path = tmp_path / "outcome.pdf"
    path.write_bytes(print_signed(make_signed()))
    found = sandbox.run("cpms_core.panels.outcome.verify:verify_file", path, returns=Verification)
    assert found.ok
    assert found.pages == "same"

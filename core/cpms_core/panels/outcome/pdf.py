"""The outcome on paper: a tagged PDF/A-3a and PDF/UA-1 that carries what was signed.

The same outcome and signature give the same bytes on every run, so that a verifier can tell whether
the pages were changed by printing them again. Printing keeps some 60 MB: a web worker calls these
functions in the sandbox.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import msgspec
import typst

from cpms_core.panels.outcome.canonical import sha256_hex
from cpms_core.panels.outcome.document import (
    FORMAT,
    OutcomeDocument,
    read_outcome,
)
from cpms_core.panels.outcome.pdf_mark import read_mark
from cpms_core.panels.outcome.printable import printable
from cpms_core.panels.outcome.signature import TAG, read_signature

# Read at import: the sandbox, where unknown files are verified, opens no others later.
_TEMPLATE = Path(__file__).with_name("outcome.typ").read_bytes()
_CODE = _TEMPLATE + b"".join(
    Path(source).read_bytes()
    for source in (__file__, printable.__code__.co_filename, read_mark.__code__.co_filename)
)
RENDERER = f"renderer typst-{version('typst')}-{sha256_hex(_CODE)[:16]}"
"""What decides the pages besides the outcome; stands among the PDF's keywords."""

# A compiler keeps state between its calls.
_lock = Lock()


def render_pdf(outcome: bytes, signature: bytes, mark: str = "") -> bytes:
    """The pages with outcome.json and signature.json attached, byte for byte.

    `mark` says by which version it was amended, see `pdf_mark.py`. The signature is not proved
    here. ValueError if the two do not belong together.
    """
    document = read_outcome(outcome)
    signed = read_signature(outcome, signature)
    key = next((k for k in document.signer.keys if k.sha256 == signed.key_fingerprint), None)
    facts = {
        "signed_at": signed.signed_at,
        "origin": signed.origin,
        "key_fingerprint": signed.key_fingerprint,
        "aaguid": key.aaguid if key else "",
    }
    files = {"outcome": outcome.decode(), "signature": signature.decode()}
    return _compile(_Sheet(document, signed.outcome_sha256, facts, files, signed.signed_at, mark))


def render_draft(outcome: bytes) -> bytes:
    """The same pages marked as a draft, with nothing attached."""
    document = read_outcome(outcome)
    return _compile(_Sheet(document, sha256_hex(outcome), None, {}, document.frozen_at))


class _Sheet(NamedTuple):
    document: OutcomeDocument
    sha256: str
    signature: dict[str, Any] | None
    files: dict[str, str]
    at: datetime
    mark: str = ""


def _view(sheet: _Sheet) -> dict[str, Any]:
    """What the template reads: the document with showable texts, and what is only for print."""
    whole = msgspec.to_builtins({"document": sheet.document, "signature": sheet.signature})
    shown, replaced = printable(whole)
    # Hashes are for comparing and copying: without the places to break.
    shown["document"]["previous_sha256"] = sheet.document.previous_sha256
    if sheet.signature is not None:
        shown["signature"]["key_fingerprint"] = sheet.signature["key_fingerprint"]
    return {
        **shown,
        "replaced": replaced,
        "sha256": sheet.sha256,
        "tag": TAG.decode(),
        "keywords": [FORMAT, RENDERER, *([sheet.mark] if sheet.mark else ())],
        "amended": msgspec.to_builtins(read_mark(sheet.mark)),
    }


def _compile(sheet: _Sheet) -> bytes:
    return compile_pdf(_TEMPLATE, _view(sheet), sheet.at, sheet.files)


def compile_pdf(
    template: bytes, view: dict[str, Any], at: datetime, files: Mapping[str, str] | None = None
) -> bytes:
    """A template's pages; all of `view` and `files` reaches it as text."""
    with _lock:
        pdf = _compiler().compile(
            template,
            format="pdf",
            sys_inputs={"view": json.dumps(view), **(files or {})},
            pdf_standards=["a-3a", "ua-1"],
            timestamp=int(at.timestamp()),
        )
    assert isinstance(pdf, bytes)  # a list only for pictures, None only with a path to write to
    return pdf


@cache
def _compiler() -> typst.Compiler:
    # The system's fonts would make the pages differ from one machine to the next.
    return typst.Compiler(ignore_system_fonts=True)

"""The outcome on paper: a tagged PDF/A-3a and PDF/UA-1 that carries what was signed.

The same outcome and signature give the same bytes on every run, so that a verifier can tell whether
the pages were changed by printing them again.
"""

import json
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import typst

from cpms_core.panels.canonical import sha256_hex
from cpms_core.panels.outcome_document import (
    FORMAT,
    OutcomeDocument,
    encode_outcome,
    read_outcome,
)
from cpms_core.panels.printable import printable
from cpms_core.panels.signature import TAG, SignedOutcome, encode_signature

TEMPLATE = Path(__file__).with_name("outcome.typ")

# A compiler keeps state between its calls.
_lock = Lock()


def render_pdf(signed: SignedOutcome) -> bytes:
    """The signed outcome with outcome.json and signature.json attached, byte for byte."""
    document = read_outcome(signed.outcome)
    key = next((k for k in document.signer.keys if k.sha256 == signed.key_fingerprint), None)
    signature = {
        "signed_at": signed.signed_at,
        "origin": signed.origin,
        "key_fingerprint": signed.key_fingerprint,
        "aaguid": key.aaguid if key else "",
    }
    files = {
        "outcome": signed.outcome.decode(),
        "signature": encode_signature(signed).decode(),
    }
    view = _view(document, signed.outcome_sha256, signature)
    return _compile(view, files, signed.signed_at)


def render_draft(document: OutcomeDocument) -> bytes:
    """The same pages marked as a draft, with nothing attached."""
    view = _view(document, sha256_hex(encode_outcome(document)), None)
    return _compile(view, {}, document.frozen_at)


@cache
def renderer() -> str:
    """What decides the pages besides the outcome; stands among the PDF's keywords."""
    sources = TEMPLATE.read_bytes() + Path(__file__).read_bytes()
    return f"renderer typst-{version('typst')}-{sha256_hex(sources)[:16]}"


def _view(
    document: OutcomeDocument, sha256: str, signature: dict[str, Any] | None
) -> dict[str, Any]:
    shown, replaced = printable(msgspec.to_builtins({"document": document, "signature": signature}))
    # Hashes are for comparing and copying: without the places to break.
    shown["document"]["previous_sha256"] = document.previous_sha256
    if signature is not None:
        shown["signature"]["key_fingerprint"] = signature["key_fingerprint"]
    return {
        **shown,
        "replaced": replaced,
        "sha256": sha256,
        "tag": TAG.decode(),
        "keywords": [FORMAT, renderer()],
    }


def _compile(view: dict[str, Any], files: dict[str, str], at: datetime) -> bytes:
    with _lock:
        pdf = _compiler().compile(
            _template(),
            format="pdf",
            sys_inputs={"view": json.dumps(view), **files},
            pdf_standards=["a-3a", "ua-1"],
            timestamp=int(at.timestamp()),
        )
    assert isinstance(pdf, bytes)  # a list only for pictures, None only with a path to write to
    return pdf


@cache
def _compiler() -> typst.Compiler:
    # The system's fonts would make the pages differ from one machine to the next.
    return typst.Compiler(ignore_system_fonts=True)


@cache
def _template() -> bytes:
    return TEMPLATE.read_bytes()

"""The two files inside an outcome's PDF, or lying side by side, whatever the PDF really is."""

import io
from pathlib import Path

from msgspec import Struct
from pypdf import PdfReader

LARGEST_FILE = 50 * 1024 * 1024  # bytes
LARGEST_OUTCOME = 4 * 1024 * 1024  # bytes


class Unpacked(Struct, frozen=True, kw_only=True):
    outcome: bytes
    signature: bytes
    pdf: bytes | None = None
    keywords: str = ""
    """As the PDF claims; nothing proves them."""


def unpack(source: str | Path | bytes, signature: str | Path | bytes | None = None) -> Unpacked:
    """ValueError says in a sentence why there are no two files."""
    data = _read(source)
    if data.startswith(b"%PDF-"):
        return _unpack_pdf(data)
    if signature is None:
        if isinstance(source, bytes):
            raise ValueError("This is no PDF, and no signature was given with it.")
        signature = Path(source).with_name("signature.json")
    return Unpacked(outcome=_limited(data), signature=_read(signature))


def _unpack_pdf(data: bytes) -> Unpacked:
    try:
        reader = PdfReader(io.BytesIO(data))
        attached = reader.attachments
        outcomes = list(attached.get("outcome.json", []))
        signatures = list(attached.get("signature.json", []))
        about = reader.metadata
        keywords = str(about.get("/Keywords", "")) if about else ""
    except Exception as error:
        raise ValueError("This PDF is damaged or was not made by this system.") from error
    if not outcomes and not signatures:
        raise ValueError(
            "This PDF carries no signed outcome: it is a draft, a scan, or was printed anew."
        )
    # Two files of one name would let two readers see two outcomes.
    if len(outcomes) != 1 or len(signatures) != 1:
        raise ValueError("This PDF must carry outcome.json and signature.json once each.")
    return Unpacked(
        outcome=_limited(outcomes[0]), signature=signatures[0], pdf=data, keywords=keywords
    )


def _limited(outcome: bytes) -> bytes:
    if len(outcome) > LARGEST_OUTCOME:
        raise ValueError("The outcome is larger than any that this system makes.")
    return outcome


def _read(source: str | Path | bytes) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        try:
            with Path(source).open("rb") as file:
                data = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise ValueError(
                f"{Path(source).name} cannot be read: {error.strerror or 'no such file'}."
            ) from error
    if len(data) > LARGEST_FILE:
        raise ValueError("This file is larger than 50 MB; no outcome is.")
    return data

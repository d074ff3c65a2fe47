"""Whether a file is the outcome it claims to be: offline, in plain words, whatever is thrown at it.

The attached outcome and signature are proved, then the pages are compared with what this program
prints for them. Reading an unknown PDF costs time and memory, so a web page calls `verify_file` in
the sandbox; its arguments and its result are plain values for that.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from cpms_core import words
from cpms_core.panels.outcome.document import OutcomeDocument, read_outcome
from cpms_core.panels.outcome.pdf import RENDERER, render_pdf
from cpms_core.panels.outcome.pdf_mark import read_mark, read_mark_text
from cpms_core.panels.outcome.signature import SignedOutcome, read_signature
from cpms_core.panels.outcome.unpack import Unpacked, unpack
from cpms_core.panels.outcome.verify_chain import Earlier, chain_lines
from cpms_core.panels.outcome.verify_signature import Line, in_words, signature_lines

Pages = Literal["same", "changed", "not compared", "none"]


class Verification(Struct, frozen=True, kw_only=True):
    """`ok` if nothing failed. What the outcome says is given only if its signature holds."""

    ok: bool
    lines: tuple[Line, ...]
    outcome_sha256: str = ""
    key_fingerprint: str = ""
    signer: str = ""
    """Name, role and centre, as the outcome names them."""
    signed_at: datetime | None = None
    document: OutcomeDocument | None = None
    pages: Pages = "none"

    @property
    def summary(self) -> str:
        """The verdict in one sentence, for the top of a page or the last line of a command."""
        if self.document is None:
            return "This file is not proved to be a signed outcome."
        if self.pages == "changed":
            return f"The outcome inside is the one {self.signer} signed; the file's pages are not."
        if not self.ok:
            return "This file was not signed by a key of this site."
        if self.pages == "not compared":
            return (
                f"The outcome inside is the one {self.signer} signed. The file's pages were not "
                "compared with it: read the outcome here."
            )
        return f"This is the outcome that {self.signer} signed."


def verify_file(
    source: str | Path | bytes,
    trusted_keys: Mapping[str, str] | None = None,
    own_origin: str = "",
    signature: str | Path | bytes | None = None,
    earlier: Sequence[Earlier] = (),
) -> Verification:
    """`source` is the PDF, or outcome.json with signature.json given or lying beside it.

    `trusted_keys` are the keys a site enrolled: fingerprint → whose it is; `own_origin` is that
    site's address; `earlier` are signed versions that this one may amend. Never raises for what a
    file holds.
    """
    try:
        unpacked = unpack(source, signature)
        signed = read_signature(unpacked.outcome, unpacked.signature)
        document = read_outcome(signed.outcome)
    except ValueError as error:
        return Verification(ok=False, lines=(Line(False, str(error)),))
    lines = signature_lines(signed, document)
    proved = all(line.ok for line in lines)
    pages: Pages = "none"
    if proved:
        pages = _compare_pages(unpacked)
        lines += (
            _known_key_line(signed, document, trusted_keys, own_origin),
            *chain_lines(document, earlier),
            *_PAGE_LINES[pages],
            *_mark_lines(unpacked),
            Line(None, f"When it was signed, {in_words(signed.signed_at)}, is the site's word."),
        )
    signer = document.signer
    return Verification(
        ok=all(line.ok is not False for line in lines),
        lines=lines,
        outcome_sha256=signed.outcome_sha256,
        key_fingerprint=signed.key_fingerprint,
        signer=f"{signer.name}, {signer.role}, {signer.centre}, {signer.country}" if proved else "",
        signed_at=signed.signed_at if proved else None,
        document=document if proved else None,
        pages=pages,
    )


def _known_key_line(
    signed: SignedOutcome,
    document: OutcomeDocument,
    trusted_keys: Mapping[str, str] | None,
    own_origin: str,
) -> Line:
    claim = f"That this key belongs to {document.signer.name} is the word of {signed.origin}"
    if trusted_keys is None:
        return Line(None, f"{claim}: compare the key's fingerprint there.")
    if signed.key_fingerprint in trusted_keys:
        return Line(True, f"This site knows the key: {trusted_keys[signed.key_fingerprint]}.")
    if signed.origin == own_origin:
        return Line(
            False, "The outcome claims to come from this site, but this site never knew that key."
        )
    return Line(None, f"{claim}; this site does not know the key. Compare its fingerprint there.")


def _compare_pages(unpacked: Unpacked) -> Pages:
    if unpacked.pdf is None:
        return "none"
    if RENDERER not in unpacked.keywords:
        return "not compared"
    return "same" if _print(unpacked) == unpacked.pdf else "changed"


_ADVICE = "Read the outcome as it is shown here, not the file's pages."
_PAGE_LINES: dict[Pages, tuple[Line, ...]] = {
    "none": (),
    "same": (Line(True, "The pages say what the signed outcome says, byte for byte."),),
    "changed": (
        Line(
            False,
            "The file is not the one this program prints for the outcome: it was saved anew or its "
            f"pages were changed. {_ADVICE}",
        ),
    ),
    "not compared": (
        Line(
            None,
            "The pages could not be compared with the signed outcome: the file says that another "
            f"version of the program printed it. {_ADVICE}",
        ),
    ),
}


def _mark_lines(unpacked: Unpacked) -> tuple[Line, ...]:
    """That it was amended stands on the pages, not in the outcome: nothing proves it."""
    amended = read_mark(unpacked.keywords)
    if amended is None:
        return ()
    return (
        Line(
            None,
            f"The file says that version {amended.version} amended it on {words.day(amended.on)}. "
            f"That one's SHA-256 is {amended.sha256}: look at it too.",
        ),
    )


def _print(unpacked: Unpacked) -> bytes:
    try:
        return render_pdf(unpacked.outcome, unpacked.signature, read_mark_text(unpacked.keywords))
    except Exception:  # noqa: BLE001 (anybody may sign an outcome that no program can print)
        return b""

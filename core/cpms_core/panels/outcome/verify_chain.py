"""Whether the versions that an outcome amends are there, and are signed themselves."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cpms_core.panels.outcome.canonical import sha256_hex
from cpms_core.panels.outcome.document import OutcomeDocument, read_outcome
from cpms_core.panels.outcome.signature import read_signature
from cpms_core.panels.outcome.unpack import Unpacked, unpack
from cpms_core.panels.outcome.verify_signature import Line, in_words, signature_lines

Earlier = str | Path | bytes | Sequence[bytes]
"""A PDF or outcome.json; or the bytes of outcome.json and signature.json."""


def chain_lines(document: OutcomeDocument, earlier: Sequence[Earlier]) -> tuple[Line, ...]:
    """One line for each version before, as far back as the files given go."""
    return tuple(_walk(document, {sha256_hex(one.outcome): one for one in _unpacked(earlier)}))


def _unpacked(earlier: Sequence[Earlier]) -> Iterator[Unpacked]:
    """What is no outcome is left out: the version that it should have been is then missing."""
    for one in earlier:
        try:
            yield unpack(one) if isinstance(one, str | Path | bytes) else unpack(*one)
        except ValueError:
            continue


def _walk(document: OutcomeDocument, known: dict[str, Unpacked]) -> Iterator[Line]:
    while document.previous_sha256:
        found = known.pop(document.previous_sha256, None)
        if found is None:
            yield Line(
                None,
                f"Version {document.version} amends the outcome whose SHA-256 is "
                f"{document.previous_sha256}; that file was not given.",
            )
            return
        try:
            before = _proved(found)
        except ValueError as error:
            yield Line(False, f"What version {document.version} amends is not proved: {error}")
            return
        if before.panel_number != document.panel_number or before.version >= document.version:
            yield Line(
                False,
                f"Version {document.version} claims to amend an outcome of panel "
                f"{before.panel_number}, version {before.version}, which cannot be.",
            )
            return
        yield Line(
            True,
            f"Version {document.version} amends version {before.version}, closed for signing at "
            f"{in_words(before.frozen_at)} and signed by {before.signer.name}; that signature "
            "holds too.",
        )
        document = before


def _proved(found: Unpacked) -> OutcomeDocument:
    """ValueError says in a sentence what fails."""
    signed = read_signature(found.outcome, found.signature)
    document = read_outcome(signed.outcome)
    for line in signature_lines(signed, document):
        if line.ok is False:
            raise ValueError(line.text)
    return document

"""The letter to the colleague who asked: the signed outcome in the order a letter has."""

from collections.abc import Iterator
from datetime import datetime

from cpms_core import words
from cpms_core.panels.outcome.document import Agreement, OutcomeDocument
from cpms_core.panels.outcome.draft import Recommendation
from cpms_core.panels.outcome.letter import Item, Letter, Part
from cpms_core.panels.outcome.pdf_mark import Amended


def referrer_letter(
    document: OutcomeDocument, signed_at: datetime, amended: Amended | None
) -> Letter:
    opinion, signer = document.opinion, document.signer
    submitter = document.submitter
    return Letter(
        kind="referrer",
        language="en",
        title=opinion.heading,
        from_whom=f"{document.ern}, panel {document.panel_number}",
        to_whom=", ".join(filter(None, (submitter.name, submitter.centre, submitter.country))),
        on=signed_at.date(),
        about=", ".join(filter(None, (document.pseudonym, document.sex, document.age))),
        warning=superseded(amended),
        greeting=f"Dear {submitter.name},",
        parts=tuple(_parts(document)),
        closing="With kind regards, on behalf of the panel",
        signed=tuple(filter(None, (signer.name, signer.role, signer.centre, signer.country))),
        footer=f"{document.advice} The signed outcome, version {document.version}, is the PDF that "
        "carries the signature; this letter is a copy of what it says.",
    )


def superseded(amended: Amended | None) -> str:
    if amended is None:
        return ""
    return (
        f"Superseded: version {amended.version} of {words.day(amended.on)} amended this outcome "
        "and holds instead of it."
    )


def _parts(document: OutcomeDocument) -> Iterator[Part]:
    opinion = document.opinion
    yield Part(
        heading="",
        paragraphs=(
            f"Thank you for your question: “{document.question}”",
            *_paragraphs(opinion.answer),
        ),
    )
    if opinion.diagnosis is not None:
        certainty = f", {opinion.certainty}" if opinion.certainty else ""
        yield Part(
            heading="Diagnosis",
            paragraphs=(f"{opinion.diagnosis.label} ({opinion.diagnosis.code}){certainty}",),
        )
    if opinion.differential:
        yield Part(
            heading="Other diagnoses weighed",
            items=tuple(
                Item(
                    text=f"{one.diagnosis.label} ({one.diagnosis.code})",
                    notes=(one.why,) if one.why else (),
                )
                for one in opinion.differential
            ),
            is_numbered=True,
        )
    if opinion.recommendations:
        country = document.submitter.country
        yield Part(
            heading="What we recommend",
            items=tuple(
                Item(text=one.what, notes=tuple(_notes(one, stand, country)))
                for one, stand in zip(opinion.recommendations, document.agreement, strict=False)
            ),
            is_numbered=True,
        )
    for heading, text in (
        ("If nothing is found", opinion.next_step),
        ("Dissent", opinion.dissent),
        ("Limits", opinion.limits),
    ):
        if text:
            yield Part(heading=heading, paragraphs=_paragraphs(text))
    yield Part(
        heading="What we ask of you",
        paragraphs=(
            "In three weeks, three months and a year we ask you what became of this advice.",
            "One tap for each recommendation is enough, and the panel sees it.",
        ),
    )


def _notes(one: Recommendation, stand: Agreement, country: str) -> Iterator[str]:
    by = f"by {words.day(one.due_on)}" if one.due_on else ""
    agreed = f"{stand.agreed} of {stand.asked} agree"
    yield ", ".join(filter(None, (one.kind, one.strength, by, agreed)))
    if one.why:
        yield one.why
    if one.reference:
        yield one.reference
    if one.feasible is not None or one.where:
        known = {"yes": "feasible", "no": "not feasible", "unknown": "not known if feasible"}
        feasible = f"{known[one.feasible]} in {country or 'your country'}" if one.feasible else ""
        yield "; ".join(filter(None, (feasible, one.where)))


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("\n") if part.strip())

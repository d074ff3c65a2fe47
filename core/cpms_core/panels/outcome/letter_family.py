"""The letter to the family: reviewed sentences chosen by codes, and what was written for it.

Nothing else that the experts wrote gets in: only the two fields whose title says that the family
reads them, which the lead writes, the members judge and the signature covers.
"""

from collections.abc import Iterator
from datetime import datetime

from cpms_core.panels.outcome.document import OutcomeDocument
from cpms_core.panels.outcome.draft import Recommendation
from cpms_core.panels.outcome.family_words import BY_LANGUAGE, FamilyWords
from cpms_core.panels.outcome.letter import Item, Letter, Part
from cpms_core.panels.outcome.pdf_mark import Amended

_CHILD, _ADULT = frozenset({"girl", "boy"}), frozenset({"woman", "man"})


def family_letter(
    document: OutcomeDocument,
    signed_at: datetime,
    amended: Amended | None,
    language: str = "en",
) -> Letter:
    say = BY_LANGUAGE[language]
    whom = _whom(document, say)
    signer = document.signer
    return Letter(
        kind="family",
        language=language,
        title=say.title,
        from_whom=document.ern,
        to_whom=say.to_whom,
        on=signed_at.date(),
        about=document.pseudonym,
        warning=say.superseded if amended else "",
        greeting=say.greeting,
        parts=tuple(_parts(document, say, whom)),
        closing=say.closing,
        signed=tuple(filter(None, (signer.name, signer.centre, signer.country))),
        footer=say.footer,
    )


def _parts(document: OutcomeDocument, say: FamilyWords, whom: str) -> Iterator[Part]:
    opinion = document.opinion
    experts = [one for one in document.members if one.role != "observer"]
    countries = {one.country for one in experts if one.country}
    yield Part(
        heading="",
        paragraphs=(
            (say.who_looked if len(countries) > 1 else say.who_looked_in_one_country).format(
                experts=len(experts), countries=len(countries), whom=whom
            ),
        ),
    )
    yield Part(
        heading=say.found,
        paragraphs=(*_diagnosis(document, say), *_lines(opinion.for_family)),
    )
    if opinion.recommendations:
        yield Part(
            heading=say.advised,
            items=tuple(_step(one, say) for one in opinion.recommendations),
            is_numbered=True,
        )
    else:
        yield Part(heading=say.advised, paragraphs=(say.nothing_advised,))
    differs = opinion.dissent or any(one.position == "disagree" for one in experts)
    yield Part(heading=say.next, paragraphs=(*say.then, *([say.differs] if differs else ())))
    yield Part(
        heading=say.to_ask,
        items=tuple(Item(text=one.format(whom=whom)) for one in say.questions),
    )


def _diagnosis(document: OutcomeDocument, say: FamilyWords) -> Iterator[str]:
    diagnosis, certainty = document.opinion.diagnosis, document.opinion.certainty
    if diagnosis is None or certainty is None or certainty == "no diagnosis":
        yield say.no_diagnosis
        return
    yield say.certainty[certainty].format(name=diagnosis.label)
    if diagnosis.system == "orpha":
        yield say.read_more.format(code=diagnosis.code)


def _step(one: Recommendation, say: FamilyWords) -> Item:
    by = say.by.format(month=say.month(one.due_on)) if one.due_on else ""
    return Item(text=say.kinds[one.kind], notes=tuple(filter(None, (one.for_family, by))))


def _whom(document: OutcomeDocument, say: FamilyWords) -> str:
    if document.sex in _CHILD:
        return say.child
    return say.you if document.sex in _ADULT else say.patient


def _lines(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("\n") if part.strip())

"""Finding a coded term by typing: words in any order, each from its beginning, or the code."""

import re
from collections.abc import Collection, Sequence

from msgspec import Struct
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from cpms_core.datasets.kinds import Term
from cpms_core.terminology.folding import fold
from cpms_core.terminology.models import Concept, ConceptTerm, ConceptWord

_LONGEST_QUERY = 200
_MOST_WORDS = 8
_FEWEST_LETTERS = 3
_AFTER_ALL = "\U0010ffff"
_CODE = re.compile(
    r"^[\W_]*(?:(hpo?|orpha(?:net)?|o?mim)[\W_]*)?([0-9]{1,7})[\W_]*$", re.IGNORECASE
)
_WRITTEN = {"hpo": "HP:{:07d}", "orpha": "ORPHA:{:d}", "omim": "OMIM:{:06d}"}
_SPOKEN = {"hp": "hpo", "orphanet": "orpha", "mim": "omim"}


class Hit(Struct, frozen=True, kw_only=True):
    """A concept that fits what was typed; `matched` is the wording or code that did."""

    system: str
    code: str
    label: str
    matched: str
    definition: str
    branch: str


def search(session: Session, systems: Collection[str], text: str, limit: int = 12) -> list[Hit]:
    """The best hits, best first: exact wordings, then labels, then synonyms, shorter ones first.

    Needs three letters, or a code. An obsolete code finds the concept that took its place.
    """
    if not _is_clean(text) or not systems:
        return []
    text = text[:_LONGEST_QUERY].strip()
    coded = _by_code(session, systems, text)
    if (coded and not text.isdigit()) or sum(map(str.isalnum, text)) < _FEWEST_LETTERS:
        return coded[:limit]
    words = fold(text).split()[:_MOST_WORDS]
    if not words:
        return coded[:limit]
    ids = list(session.scalars(_best_ids(systems, words).limit(limit)))
    return [*coded, *_hits(session, ids, words)][:limit]


def resolve(session: Session, systems: Sequence[str], text: str) -> Term | None:
    """The one concept whose code, label or synonym is exactly this; earlier systems win.

    An obsolete code resolves to the concept that took its place.
    """
    if not _is_clean(text) or not systems or len(text) > _LONGEST_QUERY:
        return None
    coded = _by_code(session, systems, text.strip())
    if coded:
        first = min(coded, key=lambda hit: list(systems).index(hit.system))
        return Term(first.system, first.code, first.label)
    folded = fold(text)
    if not folded:
        return None
    rows = session.execute(
        select(Concept.system, Concept.code, Concept.label, ConceptTerm.is_label)
        .join(ConceptTerm, ConceptTerm.concept_id == Concept.id)
        .where(ConceptTerm.folded == folded, Concept.system.in_(systems))
    ).all()
    order = list(systems)
    rows = sorted(rows, key=lambda row: (not row.is_label, order.index(row.system), row.code))
    return Term(rows[0].system, rows[0].code, rows[0].label) if rows else None


def _is_clean(text: str) -> bool:
    """Neither NUL, which PostgreSQL refuses, nor half a character, which no driver can encode."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def codes_in(systems: Collection[str], text: str) -> list[str]:
    """The codes that what was typed may stand for: `hp 1572` → `HP:0001572`."""
    found = _CODE.match(text)
    if not found:
        return []
    prefix = (found[1] or "").lower()
    wanted = _SPOKEN.get(prefix, prefix)
    return [
        written.format(int(found[2]))
        for system, written in _WRITTEN.items()
        if system in systems and wanted in ("", system)
    ]


def _by_code(session: Session, systems: Collection[str], text: str) -> list[Hit]:
    codes = codes_in(systems, text) or [text.upper()]
    rows = session.scalars(
        select(Concept).where(Concept.system.in_(systems), Concept.code.in_(codes))
    ).all()
    hits = []
    for found in rows:
        living = _living(session, found)
        if living:
            hits.append(_hit(living, found.code))
    return hits


def _living(session: Session, concept: Concept) -> Concept | None:
    """The concept itself, or what replaced it; a replacement may be replaced in turn."""
    for _ in range(5):
        if not concept.is_obsolete:
            return concept
        follower = session.scalar(
            select(Concept).where(
                Concept.system == concept.system, Concept.code == concept.replaced_by
            )
        )
        if follower is None:
            return None
        concept = follower
    return None


def _best_ids(systems: Collection[str], words: Sequence[str]) -> Select[int]:
    """The longest word picks rows from the index; the others are looked for in the wording."""
    picking = max(words, key=len)
    typed = " ".join(words)
    rank = case(
        (ConceptTerm.folded == typed, case((ConceptTerm.is_label, 0), else_=1)),
        (ConceptTerm.folded.like(f"{typed}%"), case((ConceptTerm.is_label, 2), else_=4)),
        else_=case((ConceptTerm.is_label, 3), else_=5),
    )
    best = func.min(rank * 10_000 + func.length(ConceptTerm.folded))
    found = (
        select(ConceptTerm.concept_id)
        .join(ConceptWord, ConceptWord.term_id == ConceptTerm.id)
        .where(
            ConceptWord.system.in_(systems),
            ConceptWord.word >= picking,
            ConceptWord.word < picking + _AFTER_ALL,
        )
        .group_by(ConceptTerm.concept_id)
        .order_by(best, ConceptTerm.concept_id)
    )
    padded = " " + ConceptTerm.folded
    for word in words:
        if word != picking:
            found = found.where(padded.like(f"% {word}%"))
    return found


def _hits(session: Session, ids: Sequence[int], words: Sequence[str]) -> list[Hit]:
    concepts = {c.id: c for c in session.scalars(select(Concept).where(Concept.id.in_(ids)))}
    terms = session.scalars(select(ConceptTerm).where(ConceptTerm.concept_id.in_(ids))).all()
    hits = []
    for concept_id in ids:
        fitting = [t for t in terms if t.concept_id == concept_id and _fits(t.folded, words)]
        best = min(fitting, key=lambda term: _rank(term, words))
        hits.append(_hit(concepts[concept_id], best.wording))
    return hits


def _fits(folded: str, words: Sequence[str]) -> bool:
    return all(f" {word}" in f" {folded}" for word in words)


def _rank(term: ConceptTerm, words: Sequence[str]) -> tuple[bool, bool, bool, int]:
    typed = " ".join(words)
    exact, starts = term.folded == typed, term.folded.startswith(typed)
    return (not exact, not term.is_label, not starts, len(term.folded))


def _hit(concept: Concept, matched: str) -> Hit:
    return Hit(
        system=concept.system,
        code=concept.code,
        label=concept.label,
        matched=matched,
        definition=concept.definition,
        branch=concept.branch,
    )

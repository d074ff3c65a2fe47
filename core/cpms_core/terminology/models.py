"""The search tables of code systems: what can be chosen, and the words it is found by.

They are derived data, rebuilt whenever an edition changes: records keep the code and the label as
chosen and never point here.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cpms_core.db import Base

# Prefixes are found by a range of an index, so both engines have to sort by code point.
_Sortable = Text().with_variant(Text(collation="C"), "postgresql")


class CodeSystem(Base):
    """A loaded code system. `source` tells the package and the index it was made with."""

    __tablename__ = "code_system"

    system: Mapped[str] = mapped_column(String(16), primary_key=True)
    edition: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(Text)
    loaded_at: Mapped[datetime]


class Concept(Base):
    __tablename__ = "concept"
    __table_args__ = (Index(None, "system", "code", unique=True),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    system: Mapped[str] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(32))
    label: Mapped[str] = mapped_column(Text)
    definition: Mapped[str] = mapped_column(Text)
    branch: Mapped[str] = mapped_column(Text)
    """The body system in words, `Head or neck`; several are joined by `; `."""
    is_obsolete: Mapped[bool]
    replaced_by: Mapped[str] = mapped_column(String(32))
    """The code that took its place; empty if none did."""


class ConceptTerm(Base):
    """One wording of a concept: its label or a synonym. `folded` is what is compared."""

    __tablename__ = "concept_term"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    concept_id: Mapped[int] = mapped_column(ForeignKey("concept.id"), index=True)
    wording: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(_Sortable, index=True)
    is_label: Mapped[bool]


class ConceptWord(Base):
    """Which terms hold a word. No foreign key: 300,000 rows that only ever change together."""

    __tablename__ = "concept_word"
    __table_args__ = ({"sqlite_with_rowid": False},)

    system: Mapped[str] = mapped_column(String(16), primary_key=True)
    word: Mapped[str] = mapped_column(_Sortable, primary_key=True)
    term_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)

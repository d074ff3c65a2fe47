"""What plugins and pages see of a case: values, already filtered by access and consent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct


class AttachmentView(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    media_type: str
    size: int
    """Bytes."""
    sha256: str
    facets: Mapping[str, str]
    added_at: datetime
    held: str = ""
    """Why a person has to look before others may see it; empty if nobody has to."""
    viewer: str = ""
    group: str = ""


class RecordView(Struct, frozen=True, kw_only=True):
    """The newest version of one dataset in a case."""

    dataset: str
    version: int
    """The schema's version, not the count of saves."""
    data: Mapping[str, Any]
    """Plain JSON values as stored, upgraded to the schema's present version."""
    author: str
    saved_at: datetime
    revision: int = 0
    """How often it was saved."""
    is_plain: bool = False
    """Whether no form of this site can read the data: its plugin is off, or of another version."""
    locked: Mapping[str, str] = {}
    """Path of a field → the class of its data that the consent does not cover, by title.

    Others than the own centre do not find these in `data`.
    """


class CaseView(Struct, frozen=True, kw_only=True):
    id: UUID
    pseudonym: str
    sex: str
    birth_year: int | None
    birth_month: int | None
    age: str
    """In words, `6 y 4 m`; empty if the birth date is unknown."""
    centre: str
    country: str
    records: Mapping[str, RecordView]
    attachments: tuple[AttachmentView, ...]
    uncovered: Mapping[str, str] = {}
    """Dataset → the class of its data that the consent does not cover, by title.

    Others than the own centre do not find these in `records`.
    """
    uncovered_files: Mapping[str, str] = {}
    """The same of `attachments`, by viewer."""

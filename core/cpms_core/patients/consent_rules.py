"""What a consent covers: classes of data, and the ERNs it is limited to. Nothing else decides it.

The own centre reads everything of its patients. Everybody else reads a class of data only while a
living consent for care covers it. One that names no class was recorded before forms asked for
them: it covers all but photos of the face. Those need to be named in it, or a consent of the kind
`face_photos` beside it, as the older forms have it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import ColumnElement, String, and_, cast, or_

from cpms_core.datasets.field import own_classes
from cpms_core.declarations import DataClass
from cpms_core.patients.models import Consent
from cpms_core.registry import CORE, Registry

CLASSES: Mapping[DataClass, str] = {
    "text": "Text and coded data",
    "face_photos": "Photos of the face",
    "photos": "Other photos",
    "video": "Video",
    "imaging": "Imaging",
    "genome": "Genome",
    "pedigree": "Pedigree with relatives",
}
UNNAMED: frozenset[str] = frozenset(CLASSES) - {"face_photos"}
"""What a consent for care covers that names no class."""
PHOTO = "photo"
"""The viewer of core's own."""
OF_AGE = 18


def has_consent(consents: Sequence[Consent], kind: str) -> bool:
    return living(consents, kind) is not None


def is_given(consents: Sequence[Consent], kind: str) -> bool:
    """What a badge says: photos of the face may also stand in the consent for care."""
    is_named = kind == "face_photos" and covers(consents, kind)
    return is_named or has_consent(consents, kind)


def living(consents: Sequence[Consent], kind: str) -> Consent | None:
    return next((c for c in consents if c.kind == kind and c.withdrawn_at is None), None)


def covers(consents: Sequence[Consent], needed: str, ern: str = "") -> bool:
    """Whether people outside the centre, of this ERN or of any, may read this class of data."""
    care = living(consents, "care")
    if care is None or not reaches(care.erns, ern):
        return False
    if needed in (care.classes or UNNAMED):
        return True
    return needed == "face_photos" and has_consent(consents, "face_photos")


def is_covering(needed: str) -> ColumnElement[bool]:
    """For a query of consents: one for which `covers` says yes, while that for care lives."""
    classes = cast(Consent.classes, String)
    names = classes.contains(f'"{needed}"')
    if needed in UNNAMED:
        names = or_(names, classes == "[]")
    care = and_(Consent.kind == "care", names)
    is_kind = or_(care, Consent.kind == "face_photos") if needed == "face_photos" else care
    return and_(is_kind, Consent.withdrawn_at.is_(None))


def reaches(erns: Sequence[str], ern: str) -> bool:
    """Whether a consent that is limited to these ERNs, or to none, holds for this one."""
    return not ern or not erns or ern in erns


def uncovered(consents: Sequence[Consent], needed: Iterable[str]) -> str:
    """The title of the first class that is needed and not covered; empty if all are."""
    lacking = (CLASSES[one] for one in CLASSES if one in needed and not covers(consents, one))
    return next(lacking, "")


def needs_of_dataset(registry: Registry, key: str, *, is_plain: bool = False) -> frozenset[str]:
    """What a plugin that is off has left may be anything: it needs all that a form may hold.

    In data that the form cannot read (`is_plain`) nobody can tell its fields apart.
    """
    entry = registry.datasets.get(key)
    if entry is None:
        return UNNAMED
    whole = "text" if entry.plugin == CORE else entry.dataset.consent
    return frozenset({whole, *(own_classes(entry.fields).values() if is_plain else ())})


def needs_of_fields(registry: Registry, key: str) -> dict[str, str]:
    """Path → class, of the fields that need another one beside that of their dataset."""
    entry = registry.datasets.get(key)
    return own_classes(entry.fields) if entry else {}


def needs_of_file(registry: Registry, viewer: str, *, has_face: bool = True) -> frozenset[str]:
    """A photo has a face on it unless somebody of its centre said that it has none."""
    if viewer == PHOTO:
        return frozenset({"face_photos" if has_face else "photos"})
    found = registry.viewers.get(viewer)
    return frozenset({found.consent}) if found else UNNAMED


SHOWS, NO_FACE = "shows", "no_face"
"""The facet of a photo, and its value, that says what is on it."""


def comes_of_age(year: int | None, month: int | None) -> date | None:
    """The first day of the month in which it is, or of the year if only that is known."""
    return date(year + OF_AGE, month or 1, 1) if year else None


def in_words(classes: Sequence[str]) -> tuple[str, ...]:
    """The titles of what a consent for care covers, in the order of the form."""
    return tuple(title for key, title in CLASSES.items() if key in (classes or UNNAMED))

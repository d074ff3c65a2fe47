"""What people tell of themselves: job title, specialty, languages, thematic areas of interest."""

from collections.abc import Mapping
from typing import Final

from babel import Locale
from msgspec import Struct
from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from cpms_core import audit, me
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import InvalidError
from cpms_core.identity.models import AreaInterest, User

_SPOKEN = (
    *("bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu", "ga", "it", "lv"),
    *("lt", "mt", "pl", "pt", "ro", "sk", "sl", "es", "sv", "nb", "is", "uk"),
)
LANGUAGES: Final[Mapping[str, str]] = dict(
    sorted(
        ((code, str(Locale("en").languages[code])) for code in _SPOKEN), key=lambda pair: pair[1]
    )
)
"""The official languages of the Union and of Norway, Iceland and Ukraine: ISO 639-1 → English."""
_MOST = 120
_INTRODUCED = select(User.introduced_at).where(User.id == me.ID)


class Preferences(Struct, frozen=True, kw_only=True):
    job_title: str
    specialty: str
    languages: tuple[str, ...]
    """Codes of LANGUAGES."""
    areas: frozenset[tuple[str, str]]
    """(ERN, key of one of its areas)."""


def read_preferences(session: Session, actor: Actor) -> Preferences:
    user = session.get_one(User, actor.user_id)
    rows = session.execute(
        select(AreaInterest.ern_id, AreaInterest.area).where(AreaInterest.user_id == user.id)
    )
    return Preferences(
        job_title=user.job_title,
        specialty=user.specialty,
        languages=tuple(user.languages),
        areas=frozenset((row[0], row[1]) for row in rows),
    )


def save_preferences(
    session: Session, actor: Actor, offered: frozenset[tuple[str, str]], chosen: Preferences
) -> None:
    """InvalidError names every wrong field. Areas that are not offered now stay as they were."""
    _ensure_right(offered, chosen)
    user = session.get_one(User, actor.user_id)
    user.job_title, user.specialty = chosen.job_title, chosen.specialty
    user.languages = list(chosen.languages)
    user.introduced_at = user.introduced_at or clock.now()
    session.execute(
        delete(AreaInterest).where(
            AreaInterest.user_id == user.id,
            tuple_(AreaInterest.ern_id, AreaInterest.area).in_(sorted(offered)),
        )
    )
    session.add_all(
        AreaInterest(user_id=user.id, ern_id=ern_id, area=area)
        for ern_id, area in sorted(chosen.areas)
    )
    audit.record(session, actor, Event.PREFERENCES_SAVED, areas=len(chosen.areas))


def is_introduced(session: Session, actor: Actor) -> bool:
    """Whether this person has been asked all this and has answered."""
    return session.scalar(_INTRODUCED, me.values(actor)) is not None


def _ensure_right(offered: frozenset[tuple[str, str]], chosen: Preferences) -> None:
    problems = {}
    if not 0 < len(chosen.job_title) <= _MOST:
        problems["job_title"] = f"Enter your job title, at most {_MOST} characters."
    if len(chosen.specialty) > _MOST:
        problems["specialty"] = f"Use at most {_MOST} characters."
    if not chosen.languages or not set(chosen.languages) <= LANGUAGES.keys():
        problems["languages"] = "Choose at least one language of the list."
    if not chosen.areas <= offered:
        problems["areas"] = "Choose areas of the list."
    if problems:
        raise InvalidError("Some entries need your attention.", problems)

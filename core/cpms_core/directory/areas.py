"""An ERN's thematic areas: what its plugin declares, and what its coordinators made of it.

A row of `ThematicArea` renames or retires a declared area, or adds one. Every form and every title
asks here.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.directory.models import Ern, ThematicArea
from cpms_core.directory.wording import name_problem, one_line, refuse_if
from cpms_core.errors import NotFoundError
from cpms_core.registry import Registry
from cpms_core.terminology.folding import fold

_EVERYWHERE = select(
    ThematicArea.ern_id, ThematicArea.key, ThematicArea.title, ThematicArea.retired_at
)
_OF_AN_ERN = _EVERYWHERE.where(ThematicArea.ern_id == bindparam("ern_id"))
"""Built once: pages that must be quick ask for it."""
_Row = Any
"""Of these columns."""
_LONGEST = 120
_LONGEST_KEY = 40


class Area(Struct, frozen=True, kw_only=True):
    key: str
    title: str
    is_retired: bool = False
    """No longer offered; where it was used, its title stays."""
    declared_title: str = ""
    """As the plugin calls it; empty for one that was added here."""


def areas_of(session: Session, registry: Registry, ern_id: str) -> tuple[Area, ...]:
    """In the plugin's order, then the added ones by title; retired ones are among them."""
    rows = session.execute(_OF_AN_ERN, {"ern_id": ern_id})
    return _joined(registry, ern_id, {row.key: row for row in rows})


def offered_areas(session: Session, registry: Registry, ern_id: str) -> tuple[Area, ...]:
    """What a form lets people choose."""
    return tuple(one for one in areas_of(session, registry, ern_id) if not one.is_retired)


def area_titles(session: Session, registry: Registry, ern_id: str) -> dict[str, str]:
    """Key → title, for what was sent under it."""
    return {one.key: one.title for one in areas_of(session, registry, ern_id)}


def areas_everywhere(session: Session, registry: Registry) -> dict[str, tuple[Area, ...]]:
    """Those of every ERN that has any, by the ERN's id, in one look."""
    rows: dict[str, dict[str, _Row]] = {}
    for row in session.execute(_EVERYWHERE):
        rows.setdefault(row.ern_id, {})[row.key] = row
    erns = dict.fromkeys((*registry.networks, *sorted(rows)))
    return {ern_id: _joined(registry, ern_id, rows.get(ern_id, {})) for ern_id in erns}


def add_area(session: Session, actor: Actor, registry: Registry, ern_id: str, title: str) -> str:
    """Its key is made of the title and never changes."""
    known = _to_change(session, actor, registry, ern_id)
    title = _new_title(known, title)
    stem = re.sub(r"\W+", "_", fold(title), flags=re.ASCII).strip("_")[:_LONGEST_KEY] or "area"
    key, number = stem, 1
    while key in known:
        number += 1
        key = f"{stem}_{number}"
    _save(session, actor, ern_id, key, title)
    return key


def rename_area(
    session: Session, actor: Actor, registry: Registry, ern_id: str, key: str, title: str
) -> None:
    known = _to_change(session, actor, registry, ern_id)
    area = _known_area(known, key)
    others = {one.key: one for one in known.values() if one.key != key}
    _save(session, actor, ern_id, key, _new_title(others, title), is_retired=area.is_retired)


def retire_area(
    session: Session,
    actor: Actor,
    registry: Registry,
    ern_id: str,
    key: str,
    *,
    is_retired: bool = True,
) -> None:
    """No longer offer it, or offer it again."""
    area = _known_area(_to_change(session, actor, registry, ern_id), key)
    _save(session, actor, ern_id, key, area.title, is_retired=is_retired)


def _joined(registry: Registry, ern_id: str, rows: Mapping[str, _Row]) -> tuple[Area, ...]:
    network = registry.networks.get(ern_id)
    declared = {one.key: one.title for one in network.areas} if network else {}
    added = sorted((rows[key] for key in rows.keys() - declared), key=lambda row: row.title)
    return (
        *(_area(key, title, rows.get(key)) for key, title in declared.items()),
        *(_area(row.key, "", row) for row in added),
    )


def _area(key: str, declared: str, row: _Row | None) -> Area:
    return Area(
        key=key,
        title=row.title if row else declared,
        is_retired=bool(row and row.retired_at),
        declared_title=declared,
    )


def _to_change(session: Session, actor: Actor, registry: Registry, ern_id: str) -> dict[str, Area]:
    """What there is; two who change an ERN's areas at once queue here."""
    if session.get(Ern, ern_id, with_for_update=True) is None:
        raise NotFoundError
    ensure(actor, "network.configure", Subject(erns=frozenset({ern_id})), visible=False)
    return {one.key: one for one in areas_of(session, registry, ern_id)}


def _known_area(known: Mapping[str, Area], key: str) -> Area:
    if key not in known:
        raise NotFoundError("There is no such area in this ERN.")
    return known[key]


def _new_title(others: Mapping[str, Area], title: str) -> str:
    is_taken = fold(title) in {fold(one.title) for one in others.values()}
    same = "Another area of this ERN is called so. Retired ones count too."
    refuse_if({"title": name_problem(title, _LONGEST) or (same if is_taken else None)})
    return one_line(title)


def _save(
    session: Session, actor: Actor, ern_id: str, key: str, title: str, *, is_retired: bool = False
) -> None:
    row = session.get(ThematicArea, (ern_id, key))
    if row is None:
        row = ThematicArea(ern_id=ern_id, key=key, title=title)
        session.add(row)
    row.title = title
    row.retired_at = (row.retired_at or clock.now()) if is_retired else None
    session.flush()
    audit.record(session, actor, Event.AREA_CHANGED, ern_id=ern_id, area=key, is_retired=is_retired)

"""Centres from the lines of a file. Memberships are added or changed by it, never ended."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.db import new_id
from cpms_core.directory.centres import code_problem, note_centre, wording_problems
from cpms_core.directory.csv_file import Line
from cpms_core.directory.memberships import KINDS, note_membership
from cpms_core.directory.models import Ern, Hcp, Membership
from cpms_core.directory.networks import has_ended
from cpms_core.directory.planned import Planned, refused

NEEDED: Final = ("code", "name")
OPTIONAL: Final = ("city", "erns")
EXAMPLE: Final = (
    "code,name,city,erns\n"
    "FR31,CHU de Toulouse,Toulouse,ithaca rnd\n"
    'AT01,"Vienna example hospital, clinic for genetics",Vienna,ithaca:affiliated\n'
)


class _Centre(Struct, frozen=True, kw_only=True):
    code: str
    name: str
    city: str
    kinds: Mapping[str, str]
    """ERN → kind, of the memberships that are new or change."""
    hcp: Hcp | None
    is_renamed: bool


class _Known(Struct, frozen=True):
    session: Session
    centres: Mapping[str, Hcp]
    erns: Mapping[str, Ern]


def plan_centres(session: Session, _actor: Actor, lines: Sequence[Line]) -> list[Planned]:
    codes = {line.cells["code"].upper() for line in lines}
    found = session.scalars(
        select(Hcp).where(Hcp.code.in_(codes)).options(selectinload(Hcp.memberships))
    )
    known = _Known(
        session,
        {hcp.code: hcp for hcp in found},
        {ern.id: ern for ern in session.scalars(select(Ern))},
    )
    first: dict[str, int] = {}
    planned = []
    for line in lines:
        code = line.cells["code"].upper()
        before = first.setdefault(code, line.number)
        if before != line.number and not line.problem:
            planned.append(refused(line, code, f"{code} stands on line {before} already."))
        else:
            planned.append(_plan(known, line, code))
    return planned


def carry_out(session: Session, actor: Actor, lines: Sequence[Planned]) -> None:
    for centre in (line.act for line in lines if line.act is not None):
        hcp = centre.hcp or Hcp(id=new_id(), code=centre.code, country_id=centre.code[:2])
        hcp.name, hcp.city = centre.name, centre.city
        belongs = {one.ern_id: one for one in hcp.memberships}
        for ern_id, kind in centre.kinds.items():
            if ern_id in belongs:
                belongs[ern_id].kind = kind
            else:
                hcp.memberships.append(Membership(ern_id=ern_id, kind=kind))
        session.add(hcp)
        if centre.hcp is None:
            note_centre(session, actor, Event.CENTRE_ADDED, hcp)
        elif centre.is_renamed:
            note_centre(session, actor, Event.CENTRE_CHANGED, hcp)
        for ern_id, kind in centre.kinds.items():
            note_membership(session, actor, hcp.id, ern_id, kind)
    session.flush()


def _plan(known: _Known, line: Line, code: str) -> Planned:
    name, city = line.cells["name"], line.cells["city"]
    what = f"{code} {name}"
    kinds, wrong = _kinds(known, line.cells["erns"])
    problems = (line.problem, *wording_problems(name, city).values(), wrong)
    problem = next(filter(None, problems), None) or code_problem(known.session, code)
    hcp = known.centres.get(code)
    if problem is None and hcp is not None:
        problem = _not_changed(hcp)
    if problem:
        return refused(line, what, problem)
    city = city or (hcp.city if hcp else "")
    held = {one.ern_id: one.kind for one in hcp.memberships} if hcp else {}
    new = {ern_id: kind for ern_id, kind in kinds.items() if held.get(ern_id) != kind}
    is_renamed = hcp is not None and (hcp.name, hcp.city) != (name, city)
    says = [f"{known.erns[key].name}: {KINDS[kind].lower()}" for key, kind in new.items()]
    if hcp is not None and is_renamed:
        says.insert(0, f"until now “{hcp.name}”, {hcp.city or 'no city'}")
    is_left = hcp is not None and not says
    return Planned(
        number=line.number,
        what=what,
        verdict="added" if hcp is None else "left" if is_left else "changed",
        says=tuple(says),
        act=None
        if is_left
        else _Centre(code=code, name=name, city=city, kinds=new, hcp=hcp, is_renamed=is_renamed),
    )


def _not_changed(hcp: Hcp) -> str | None:
    if hcp.closed_at is not None:
        return "This centre is closed. Reopen it first."
    if hcp.is_guest:
        return "This is a country's guest access, which no import changes."
    return None


def _kinds(known: _Known, cell: str) -> tuple[dict[str, str], str]:
    """`ithaca rnd:affiliated` as ERN → kind, and what is wrong with it."""
    kinds: dict[str, str] = {}
    for text in re.split(r"[\s,|]+", cell.lower()):
        if not text:
            continue
        ern_id, _, kind = text.partition(":")
        ern = known.erns.get(ern_id)
        if ern is None:
            return {}, f"There is no ERN {ern_id}."
        if has_ended(ern):
            return {}, f"{ern.name} has ended."
        if (kind or "full_member") not in KINDS:
            return {}, f"A centre belongs to an ERN as {' or '.join(KINDS)}, not {kind}."
        kinds[ern_id] = kind or "full_member"
    return kinds, ""

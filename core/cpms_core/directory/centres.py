"""Centres: find, add, describe, close and reopen them.

Nobody new comes to a closed centre: no invitation, no request for access, no patient. Who and what
is there stays. The services that let somebody in ask `ensure_open`.
"""

import re
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session, selectinload

from cpms_core import audit
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.directory.models import Country, Hcp
from cpms_core.directory.wording import name_problem, one_line, refuse_if
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.identity.access_requests import OPEN, close_request, note
from cpms_core.identity.models import AccessRequest

PAGE: Final = 50
_LONGEST_NAME, _LONGEST_CITY = 200, 100
_CODE = re.compile(r"[A-Z]{2}[0-9A-Z]{2}")
_CLOSED = "This centre is closed: nobody new comes to it, and no patient is enrolled there."


class CentresPage(Struct, frozen=True, kw_only=True):
    rows: tuple[Hcp, ...]
    count: int
    page: int
    last: int


def list_centres(session: Session, actor: Actor, search: str = "", page: int = 1) -> CentresPage:
    """All for system administrators and coordinators; the own ones for centre managers."""
    found = select(Hcp).where(_of(actor), _matches(search))
    count = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    last = max(1, -(-count // PAGE))
    page = min(max(page, 1), last)
    rows = session.scalars(
        found.options(selectinload(Hcp.memberships), selectinload(Hcp.country))
        .order_by(Hcp.is_guest, Hcp.code)
        .limit(PAGE)
        .offset((page - 1) * PAGE)
    )
    return CentresPage(rows=tuple(rows), count=count, page=page, last=last)


def read_centre(session: Session, actor: Actor, hcp_id: UUID) -> Hcp:
    found = session.scalar(
        select(Hcp)
        .where(Hcp.id == hcp_id, _of(actor))
        .options(selectinload(Hcp.memberships), selectinload(Hcp.country))
    )
    if found is None:
        raise NotFoundError
    return found


def add_centre(session: Session, actor: Actor, code: str, name: str, city: str) -> Hcp:
    """A code is the country's two letters and two more letters or digits: FR10."""
    ensure(actor, "directory.manage", Subject())
    code = code.strip().upper()
    problem = code_problem(session, code)
    if problem is None and session.scalar(select(Hcp.id).where(Hcp.code == code)):
        problem = f"{code} is taken. Choose another code."
    refuse_if({"code": problem, **wording_problems(name, city)})
    hcp = Hcp(code=code, name=one_line(name), city=one_line(city), country_id=code[:2])
    session.add(hcp)
    session.flush()
    note_centre(session, actor, Event.CENTRE_ADDED, hcp)
    return hcp


def code_problem(session: Session, code: str) -> str | None:
    """What is wrong with a new centre's code, but for its being taken."""
    if not _CODE.fullmatch(code):
        return "Use the country's two letters and two letters or digits, FR10 for instance."
    if session.get(Country, code[:2]) is None:
        return f"There is no country {code[:2]} in the directory. Add it first."
    return None


def wording_problems(name: str, city: str) -> dict[str, str | None]:
    return {
        "name": name_problem(name, _LONGEST_NAME),
        "city": name_problem(city, _LONGEST_CITY, needed=False),
    }


def describe_centre(session: Session, actor: Actor, hcp_id: UUID, name: str, city: str) -> None:
    """Its name and city; the code stays, for everything refers to it."""
    hcp = read_centre(session, actor, hcp_id)
    ensure(actor, "centre.describe", Subject(hcp_id=hcp_id))
    refuse_if(wording_problems(name, city))
    hcp.name, hcp.city = one_line(name), one_line(city)
    note_centre(session, actor, Event.CENTRE_CHANGED, hcp)


def close_centre(session: Session, actor: Actor, hcp_id: UUID) -> None:
    """From now on nobody new comes to it; who has asked for access there is told no."""
    hcp = _managed(session, actor, hcp_id)
    if hcp.closed_at is not None:
        raise ConflictError("This centre was closed already; nothing was changed.")
    hcp.closed_at = clock.now()
    waiting = session.scalars(
        select(AccessRequest)
        .where(AccessRequest.hcp_id == hcp_id, AccessRequest.state.in_(OPEN))
        .with_for_update()
    )
    for request in waiting:
        close_request(request, actor, "refused", "This centre was closed. Ask at another one.")
        note(session, actor, request, Event.ACCESS_REFUSED)
    note_centre(session, actor, Event.CENTRE_CLOSED, hcp)


def reopen_centre(session: Session, actor: Actor, hcp_id: UUID) -> None:
    hcp = _managed(session, actor, hcp_id)
    if hcp.closed_at is None:
        raise ConflictError("This centre is open already; nothing was changed.")
    hcp.closed_at = None
    note_centre(session, actor, Event.CENTRE_REOPENED, hcp)


def ensure_open(hcp: Hcp) -> None:
    if hcp.closed_at is not None:
        raise InvalidError(_CLOSED, {"hcp": "This centre is closed. Choose another one."})


def note_centre(session: Session, actor: Actor, event: Event, hcp: Hcp) -> None:
    audit.record(session, actor, event, hcp_id=hcp.id)


def _managed(session: Session, actor: Actor, hcp_id: UUID) -> Hcp:
    ensure(actor, "directory.manage", Subject())
    hcp = session.get(Hcp, hcp_id, with_for_update=True)
    if hcp is None:
        raise NotFoundError
    return hcp


def _of(actor: Actor) -> ColumnElement[bool]:
    if actor.roles & {Role.SYSTEM_ADMIN, Role.COORDINATOR}:
        return true()
    return Hcp.id.in_(actor.centres(Role.CENTRE_MANAGER))


def _matches(search: str) -> ColumnElement[bool]:
    if not search:
        return true()
    columns = (Hcp.code, Hcp.name, Hcp.city)
    texts = (
        *(column.contains(search, autoescape=True) for column in columns),
        # SQLite lowers ASCII only, so the line above is no doublet of this one.
        *(func.lower(column).contains(search.lower(), autoescape=True) for column in columns),
    )
    return or_(*texts)

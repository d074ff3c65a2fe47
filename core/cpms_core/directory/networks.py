"""The ERNs, and networks for a time: a temporary one takes requests until its last day.

After it nothing new is sent to the network and nobody asks for access to it. Its panels go on, and
its pages stay.
"""

import re
from datetime import date

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.directory.wording import name_problem, one_line, refuse_if
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.registry import Registry
from cpms_core.words import day

_ID = re.compile(r"[a-z][a-z0-9]{1,19}")
_LONGEST_NAME, _LONGEST_SCOPE = 60, 200


def list_networks(session: Session, actor: Actor) -> list[Ern]:
    """All for a system administrator, else those whose coordinator the actor is."""
    query = select(Ern).order_by(Ern.ends_on.is_(None), Ern.name)
    if Role.SYSTEM_ADMIN not in actor.roles:
        query = query.where(Ern.id.in_(actor.erns(Role.COORDINATOR)))
    return list(session.scalars(query))


def find_network(session: Session, actor: Actor, ern_id: str) -> Ern:
    """An ERN that the actor configures."""
    ern = session.get(Ern, ern_id)
    if ern is None:
        raise NotFoundError
    ensure(actor, "network.configure", Subject(erns=frozenset({ern_id})), visible=False)
    return ern


def add_network(
    session: Session, actor: Actor, ern_id: str, name: str, scope: str, ends_on: date | None
) -> Ern:
    """A temporary one; the 24 ERNs come with the program."""
    ensure(actor, "directory.manage", Subject())
    problem = None
    if not _ID.fullmatch(ern_id):
        problem = "Use 2 to 20 small letters and digits, a letter first: covid19."
    elif session.get(Ern, ern_id) is not None:
        problem = f"{ern_id} is taken. Choose another short name."
    is_over = ends_on is None or ends_on < clock.today()
    refuse_if(
        {
            "id": problem,
            "name": name_problem(name, _LONGEST_NAME),
            "scope": name_problem(scope, _LONGEST_SCOPE),
            "ends_on": "Enter its last day: today or later." if is_over else None,
        }
    )
    ern = Ern(id=ern_id, name=one_line(name), scope=one_line(scope), ends_on=ends_on)
    session.add(ern)
    session.flush()
    audit.record(session, actor, Event.ERN_ADDED, ern_id=ern.id, ends_on=str(ends_on))
    return ern


def change_end(session: Session, actor: Actor, ern_id: str, ends_on: date | None) -> Ern:
    """Another last day; yesterday ends the network at once."""
    ensure(actor, "directory.manage", Subject())
    ern = session.get(Ern, ern_id)
    if ern is None:
        raise NotFoundError
    if ern.ends_on is None:
        raise InvalidError("This ERN is no temporary network, so it has no last day.")
    refuse_if({"ends_on": None if ends_on else "Enter the last day."})
    ern.ends_on = ends_on
    audit.record(session, actor, Event.ERN_CHANGED, ern_id=ern.id, ends_on=str(ends_on))
    return ern


def has_ended(ern: Ern) -> bool:
    return ern.ends_on is not None and clock.today() > ern.ends_on


def ensure_running(ern: Ern) -> None:
    """Before something new goes to it."""
    if has_ended(ern) and ern.ends_on:
        raise InvalidError(
            f"{ern.name} was there for a time, until {day(ern.ends_on)}. Nothing new is sent to it "
            "and nobody asks for access to it any more. Choose another ERN.",
            {"ern": "Choose an ERN that still takes requests."},
        )


def is_running() -> ColumnElement[bool]:
    """For a query over ERNs: those that have not ended."""
    return or_(Ern.ends_on.is_(None), Ern.ends_on >= clock.today())


def askable_networks(session: Session, registry: Registry) -> tuple[tuple[str, str], ...]:
    """(id, name) of those a case can be sent to: what a plugin knows, and temporary networks.

    The other ERNs nobody here would answer for.
    """
    is_here = or_(Ern.id.in_(registry.networks), Ern.ends_on.is_not(None))
    rows = session.execute(select(Ern.id, Ern.name).where(is_here, is_running()).order_by(Ern.name))
    return tuple((key, name) for key, name in rows)

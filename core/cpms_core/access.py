"""The only place that decides who may do what.

A *standing* is how an actor stands to the thing in question: professional of its centre, lead of
its panel, coordinator of its ERN. A permission is a set of standings; `may` asks whether the actor
has one of them. The table below is the whole policy and is meant to be read.
"""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from cpms_core.actor import Actor, Role
from cpms_core.errors import ForbiddenError, NotFoundError


class Standing(StrEnum):
    ANYONE = "anyone"
    """Also somebody who is not signed in."""
    SIGNED_IN = "signed_in"
    """Also somebody whom nobody has given a role yet: a person who joined without an invitation."""
    WITH_A_ROLE = "with_a_role"
    SYSTEM_ADMIN = "system_admin"
    CENTRE_MANAGER = "centre_manager"
    CENTRE_PROFESSIONAL = "centre_professional"
    CENTRE_GUEST = "centre_guest"
    """A clinician outside the networks, at a country's guest access: the own patients only."""
    BROKE_GLASS = "broke_glass"
    """Opened a patient of the own centre in an emergency, to read, for a short time."""
    ASKED_WHO = "asked_who"
    """Opened the identity of a patient of the own centre in an emergency."""
    DISPATCHER = "dispatcher"
    COORDINATOR = "coordinator"
    RESEARCHER = "researcher"
    LEAD = "lead"
    MEMBER = "member"
    OBSERVER = "observer"
    INVITED = "invited"
    """Asked to join a panel and has not answered yet: may read in order to decide."""


class Subject(Struct, frozen=True, kw_only=True):
    """What an act is about, as far as access is concerned."""

    hcp_id: UUID | None = None
    """The centre that owns it."""
    erns: frozenset[str] = frozenset()
    """The ERNs it was sent to."""
    team: frozenset[UUID] | None = None
    """Who alone sees it at its centre, if it is a restricted patient's; None: everybody there."""
    on_panel: frozenset[Standing] = frozenset()
    """The actor's own standings on its panels."""
    in_emergency: frozenset[Standing] = frozenset()
    """What the actor has opened by breaking the glass, and still holds."""


S = Standing
_CENTRE = frozenset({S.CENTRE_PROFESSIONAL, S.CENTRE_MANAGER})
_ENROLLING = _CENTRE | {S.CENTRE_GUEST}
_READING = _ENROLLING | {S.BROKE_GLASS}
_TRIAGE = frozenset({S.DISPATCHER, S.COORDINATOR})
_PANEL = frozenset({S.LEAD, S.MEMBER, S.OBSERVER, S.INVITED})

PERMISSIONS: Mapping[str, frozenset[Standing]] = {
    "site.enter": frozenset({S.ANYONE}),
    "site.use": frozenset({S.SIGNED_IN}),
    "site.work": frozenset({S.WITH_A_ROLE}),
    "access.queue": frozenset({S.CENTRE_MANAGER, S.COORDINATOR, S.SYSTEM_ADMIN}),
    "access.endorse": frozenset({S.CENTRE_MANAGER}),
    "access.decide": frozenset({S.COORDINATOR, S.SYSTEM_ADMIN}),
    "audit.read": frozenset({S.SIGNED_IN}),
    "people.manage": frozenset({S.SYSTEM_ADMIN, S.CENTRE_MANAGER}),
    "people.read": frozenset({S.SYSTEM_ADMIN, S.CENTRE_MANAGER, S.COORDINATOR}),
    "people.recover": frozenset({S.SYSTEM_ADMIN, S.CENTRE_MANAGER, S.COORDINATOR}),
    "plugins.manage": frozenset({S.SYSTEM_ADMIN}),
    "directory.read": frozenset({S.SYSTEM_ADMIN, S.CENTRE_MANAGER, S.COORDINATOR}),
    "directory.manage": frozenset({S.SYSTEM_ADMIN}),
    "centre.describe": frozenset({S.SYSTEM_ADMIN, S.CENTRE_MANAGER}),
    "network.configure": frozenset({S.SYSTEM_ADMIN, S.COORDINATOR}),
    "centre.read": _ENROLLING,
    "patient.enrol": _ENROLLING,
    "patient.read": _READING,
    "patient.identity": frozenset({S.CENTRE_MANAGER, S.CENTRE_GUEST, S.ASKED_WHO}),
    "patient.break_glass": _CENTRE,
    "patient.restrict": _CENTRE,
    "patient.erase": frozenset({S.CENTRE_MANAGER, S.CENTRE_GUEST}),
    "patient.correct": frozenset({S.CENTRE_MANAGER, S.CENTRE_GUEST}),
    "patient.copy": frozenset({S.CENTRE_MANAGER, S.CENTRE_GUEST}),
    "patient.merge": frozenset({S.CENTRE_MANAGER}),
    "patient.new_team": frozenset({S.CENTRE_MANAGER, S.SYSTEM_ADMIN}),
    "patient.move": _ENROLLING,
    "patient.receive": frozenset({S.CENTRE_MANAGER}),
    "consent.record": _ENROLLING,
    "case.open": _ENROLLING,
    "case.edit": _ENROLLING,
    "case.submit": _ENROLLING,
    "case.withdraw": _ENROLLING,
    "case.export": _ENROLLING,
    "case.read": _READING | _PANEL,
    "case.images": _READING | _PANEL,
    "case.summary": _READING | _PANEL | _TRIAGE,
    "ern.read": _TRIAGE,
    "request.triage": _TRIAGE,
    "panel.invite": _TRIAGE | {S.LEAD},
    "panel.invite_guest": _TRIAGE,
    "panel.answer": frozenset({S.INVITED}),
    "panel.contribute": frozenset({S.LEAD, S.MEMBER, S.INVITED}),
    "panel.steer": frozenset({S.LEAD}),
    "panel.offer": frozenset({S.WITH_A_ROLE}),
    "panel.ask": _TRIAGE | {S.LEAD, S.MEMBER},
    "question.answer": _ENROLLING,
    "panel.close": _ENROLLING | {S.LEAD},
    "panel.ask_to_reopen": _ENROLLING,
    "panel.reopen": _TRIAGE | {S.LEAD},
    "panel.archive": _TRIAGE,
    "follow_up.answer": _ENROLLING,
    "outcome.judge": frozenset({S.MEMBER, S.LEAD}),
    "outcome.sign": frozenset({S.LEAD}),
    "outcome.read": _READING | _PANEL | _TRIAGE,
    "report.read": _TRIAGE | {S.CENTRE_MANAGER, S.SYSTEM_ADMIN},
}

_AT_CENTRE = {
    Role.CENTRE_MANAGER: S.CENTRE_MANAGER,
    Role.PROFESSIONAL: S.CENTRE_PROFESSIONAL,
    Role.GUEST: S.CENTRE_GUEST,
}
_IN_ERN = {
    Role.DISPATCHER: S.DISPATCHER,
    Role.COORDINATOR: S.COORDINATOR,
    Role.RESEARCHER: S.RESEARCHER,
}


def standings(actor: Actor | None, subject: Subject) -> frozenset[Standing]:
    """How this actor stands to this subject; rights are the union over all roles."""
    if actor is None:
        return frozenset({S.ANYONE})
    found = {S.ANYONE, S.SIGNED_IN} | subject.on_panel | subject.in_emergency
    is_open = subject.team is None or actor.user_id in subject.team
    for grant in actor.grants:
        found.add(S.WITH_A_ROLE)
        if grant.role is Role.SYSTEM_ADMIN:
            found.add(S.SYSTEM_ADMIN)
        is_here = grant.hcp_id is not None and grant.hcp_id == subject.hcp_id
        if grant.role is Role.GUEST and subject.team is None:
            is_here = False  # a guest has patients of the own, and never a centre's
        if is_here and is_open and grant.role in _AT_CENTRE:
            found.add(_AT_CENTRE[grant.role])
        if grant.ern_id in subject.erns and grant.role in _IN_ERN:
            found.add(_IN_ERN[grant.role])
    return frozenset(found)


def may(
    actor: Actor | None,
    permission: str,
    subject: Subject,
    plugin_permissions: Mapping[str, frozenset[Standing]] | None = None,
) -> bool:
    """Whether the actor may; an unknown permission is refused."""
    allowed = PERMISSIONS.get(permission) or (plugin_permissions or {}).get(permission)
    return bool(allowed and allowed & standings(actor, subject))


def ensure(actor: Actor | None, permission: str, subject: Subject, *, visible: bool = True) -> None:
    """Raise unless the actor may; NotFoundError if the actor must not know of the subject."""
    if may(actor, permission, subject):
        return
    if not visible:
        raise NotFoundError
    raise ForbiddenError("You may see this but not change it in this way.")


def could(
    actor: Actor | None,
    permission: str,
    plugin_permissions: Mapping[str, frozenset[Standing]] | None = None,
) -> bool:
    """Whether there could be any subject for which the actor may: the gate before a handler.

    What concerns one panel is open to every signed-in person here; the service decides.
    """
    allowed = PERMISSIONS.get(permission) or (plugin_permissions or {}).get(permission)
    if not allowed:
        return False
    if S.ANYONE in allowed:
        return True
    if actor is None:
        return False
    held = {_AT_CENTRE.get(g.role) or _IN_ERN.get(g.role) for g in actor.grants}
    if actor.grants:
        held.add(S.WITH_A_ROLE)
    if Role.SYSTEM_ADMIN in actor.roles:
        held.add(S.SYSTEM_ADMIN)
    if held & PERMISSIONS["patient.break_glass"]:
        held |= {S.BROKE_GLASS, S.ASKED_WHO}
    return bool(allowed & (held | {S.SIGNED_IN} | _PANEL))

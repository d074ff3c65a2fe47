"""People from the lines of a file: accounts and roles, as an invitation makes them, without a link.

A role that is given here is one the actor could give by hand. Of somebody who has an account, only
roles are added; nobody's own account is touched.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from cpms_core import audit
from cpms_core.actor import AT_A_CENTRE, ERN_ROLES, ROLE_TITLES, Actor, Grant, Role
from cpms_core.audit import Event
from cpms_core.db import new_id
from cpms_core.directory.csv_file import Line
from cpms_core.directory.models import Ern, Hcp
from cpms_core.directory.planned import Planned, refused
from cpms_core.errors import CpmsError, InvalidError
from cpms_core.identity.managing import ensure_grantable, grants_held, grants_with
from cpms_core.identity.models import RoleGrant, User
from cpms_core.identity.spelling import normal_email, normal_name

NEEDED: Final = ("name", "email", "role")
OPTIONAL: Final = ("centre", "ern", "specialty")
EXAMPLE: Final = (
    "name,email,role,centre,ern,specialty\n"
    "Dr Ana Example,ana@hospital.example,professional,FR10,,clinical genetics\n"
    '"Example, Eva",eva@hospital.example,coordinator,FR10,ithaca,\n'
)
_ROLES = {str(role): role for role in Role} | {title: role for role, title in ROLE_TITLES.items()}
_LONGEST_SPECIALTY = 120


class _Wanted(Struct, frozen=True, kw_only=True):
    """A line that is understood."""

    email: str
    name: str
    specialty: str
    grant: Grant
    """With the centre of work, also where the role itself is of an ERN."""


class _Account(Struct, frozen=True):
    """Somebody who is there, or whom an earlier line of the file makes."""

    id: UUID
    name: str
    held: set[Grant]


class _Person(Struct, frozen=True, kw_only=True):
    """What a line makes: an account if it is new, and roles."""

    user_id: UUID
    is_new: bool
    wanted: _Wanted
    grants: tuple[Grant, ...]


def plan_people(session: Session, actor: Actor, lines: Sequence[Line]) -> list[Planned]:
    planner = _Planner(session, actor, lines)
    return [planner.plan(line) for line in lines]


def carry_out(session: Session, actor: Actor, lines: Sequence[Planned]) -> None:
    """All accounts, then all roles: thousands of them in two statements."""
    people: list[_Person] = [line.act for line in lines if line.act is not None]
    session.add_all(
        User(
            id=one.user_id,
            email=one.wanted.email,
            name=one.wanted.name,
            specialty=one.wanted.specialty,
            hcp_id=one.wanted.grant.hcp_id,
        )
        for one in people
        if one.is_new
    )
    session.flush()
    session.add_all(
        RoleGrant(
            user_id=one.user_id,
            role=grant.role,
            hcp_id=grant.hcp_id,
            ern_id=grant.ern_id,
            granted_by=actor.user_id,
        )
        for one in people
        for grant in one.grants
    )
    session.flush()
    for one in people:
        _note(session, actor, one)


class _Planner:
    """What is there, and what the lines so far add to it."""

    def __init__(self, session: Session, actor: Actor, lines: Sequence[Line]) -> None:
        self._actor = actor
        codes = {line.cells["centre"].upper() for line in lines}
        hcps = session.scalars(select(Hcp).where(Hcp.code.in_(codes)))
        self._centres = {hcp.code: hcp for hcp in hcps}
        self._codes = {hcp.id: code for code, hcp in self._centres.items()}
        self._erns = {ern.id: ern for ern in session.scalars(select(Ern))}
        users = session.scalars(
            select(User)
            .where(User.email.in_({_loosely(line.cells["email"]) for line in lines}))
            .options(selectinload(User.roles))
        )
        self._users = {user.email: user for user in users}
        self._accounts: dict[str, _Account] = {}
        self._given: dict[tuple[str, Grant], int] = {}
        """(address, role) → the line that gives it."""

    def plan(self, line: Line) -> Planned:
        what = " · ".join(filter(None, (line.cells["name"], line.cells["email"])))
        try:
            if line.problem:
                raise InvalidError(line.problem)
            wanted = self._understood(line.cells)
            ensure_grantable(self._actor, wanted.grant)
            return self._planned(line.number, what, wanted)
        except CpmsError as error:
            fields = error.fields if isinstance(error, InvalidError) else {}
            return refused(line, what, next(iter(fields.values()), str(error)))

    def _understood(self, cells: Mapping[str, str]) -> _Wanted:
        role = _ROLES.get(cells["role"].casefold())
        if role is None:
            raise InvalidError(f"There is no role “{cells['role']}”. Use: {', '.join(Role)}.")
        hcp = self._centre(cells["centre"].upper(), role)
        if len(cells["specialty"]) > _LONGEST_SPECIALTY:
            raise InvalidError(f"The specialty is longer than {_LONGEST_SPECIALTY} characters.")
        return _Wanted(
            email=normal_email(cells["email"]),
            name=normal_name(cells["name"]),
            specialty=cells["specialty"],
            grant=Grant(role, hcp.id if hcp else None, self._ern(cells["ern"].casefold(), role)),
        )

    def _centre(self, code: str, role: Role) -> Hcp | None:
        if not code:
            if role in AT_A_CENTRE:
                raise InvalidError("The centre is missing: where does the person work?")
            return None
        hcp = self._centres.get(code)
        if hcp is None:
            raise InvalidError(f"There is no centre {code}.")
        if hcp.closed_at is not None:
            raise InvalidError(f"The centre {code} is closed: nobody new comes to it.")
        return hcp

    def _ern(self, ern_id: str, role: Role) -> str | None:
        if role not in ERN_ROLES:
            if ern_id:
                raise InvalidError(f"The {ROLE_TITLES[role]} is of no ERN: leave that cell empty.")
            return None
        if ern_id not in self._erns:
            raise InvalidError(f"There is no ERN “{ern_id}”. Use its short name, such as ithaca.")
        return ern_id

    def _planned(self, number: int, what: str, wanted: _Wanted) -> Planned:
        earlier = self._given.get((wanted.email, wanted.grant))
        if earlier is not None:
            raise InvalidError(f"Line {earlier} says the same.")
        known = self._known(wanted)
        account = known or _Account(new_id(), wanted.name, set())
        grants = tuple(one for one in grants_with(wanted.grant) if one not in account.held)
        self._accounts[wanted.email] = account
        self._given[wanted.email, wanted.grant] = number
        account.held.update(grants)
        person = _Person(user_id=account.id, is_new=known is None, wanted=wanted, grants=grants)
        return Planned(
            number=number,
            what=what,
            verdict="added" if known is None else "changed" if grants else "left",
            says=tuple(map(self._in_words, grants)) or ("holds this role already",),
            act=person if grants else None,
        )

    def _known(self, wanted: _Wanted) -> _Account | None:
        """Whose address it is, if the line is about the same person."""
        account = self._accounts.get(wanted.email)
        user = self._users.get(wanted.email)
        if account is None and user is not None:
            _ensure_changeable(self._actor, user)
            account = _Account(user.id, user.name, set(grants_held(user)))
        if account is not None and account.name.casefold() != wanted.name.casefold():
            raise InvalidError(f"This address belongs to “{account.name}”. Is it somebody else?")
        return account

    def _in_words(self, grant: Grant) -> str:
        title = ROLE_TITLES[grant.role]
        if grant.ern_id:
            return f"{title} of {self._erns[grant.ern_id].name}"
        return f"{title} at {self._codes[grant.hcp_id]}" if grant.hcp_id else title


def _ensure_changeable(actor: Actor, user: User) -> None:
    if user.id == actor.user_id:
        raise InvalidError("This is you. Nobody gives themselves a role.")
    if user.disabled_at is not None:
        raise InvalidError("This person's account is disabled. Let the person back in first.")
    if not user.roles:
        raise InvalidError(
            "Somebody has this account who never had a role, and nobody has vouched for it. Invite "
            "the person on the page People, which makes a link of its own."
        )


def _loosely(text: str) -> str:
    """The address in the one spelling, or as it is; what is none is refused with its line."""
    try:
        return normal_email(text)
    except InvalidError:
        return text


def _note(session: Session, actor: Actor, one: _Person) -> None:
    """One event for a new account, as for an invitation; else one for each role."""
    grants = (one.wanted.grant,) if one.is_new else one.grants
    for grant in grants:
        audit.record(
            session,
            actor,
            Event.PERSON_INVITED if one.is_new else Event.ROLE_GRANTED,
            subject_id=one.user_id,
            hcp_id=grant.hcp_id,
            ern_id=grant.ern_id,
            role=grant.role,
            imported=True,
        )

"""Who acts. Every service takes an actor right after the session."""

from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class Role(StrEnum):
    SYSTEM_ADMIN = "system_admin"
    CENTRE_MANAGER = "centre_manager"
    PROFESSIONAL = "professional"
    DISPATCHER = "dispatcher"
    COORDINATOR = "coordinator"
    RESEARCHER = "researcher"
    GUEST = "guest"


ROLE_TITLES = {
    Role.SYSTEM_ADMIN: "system administrator",
    Role.CENTRE_MANAGER: "centre manager",
    Role.PROFESSIONAL: "health professional",
    Role.DISPATCHER: "dispatcher",
    Role.COORDINATOR: "coordinator",
    Role.RESEARCHER: "researcher",
    Role.GUEST: "guest",
}

CENTRE_ROLES = frozenset({Role.CENTRE_MANAGER, Role.PROFESSIONAL})
AT_A_CENTRE = CENTRE_ROLES | {Role.GUEST}
"""Roles whose holders enrol patients at a centre, or at a country's guest access."""
ERN_ROLES = frozenset({Role.DISPATCHER, Role.COORDINATOR, Role.RESEARCHER})


class Grant(Struct, frozen=True):
    """A role at one centre, in one ERN, or for the site as a whole."""

    role: Role
    hcp_id: UUID | None = None
    ern_id: str | None = None


class Actor(Struct, frozen=True, kw_only=True):
    user_id: UUID
    name: str
    email: str
    grants: frozenset[Grant]
    session_id: UUID | None = None
    """None on the command line, and for a machine."""
    token_id: UUID | None = None
    """With which token a machine acts for this person."""

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(grant.role for grant in self.grants)

    @property
    def roles_in_words(self) -> str:
        return ", ".join(sorted(self.roles))

    @property
    def initials(self) -> str:
        words = [word for word in self.name.split() if word[:1].isalpha()]
        return "".join(word[0] for word in (words[:1] + words[-1:] if words else []))[:2].upper()

    def centres(self, *roles: Role) -> frozenset[UUID]:
        """The centres at which the actor holds one of these roles."""
        return frozenset(g.hcp_id for g in self.grants if g.role in roles and g.hcp_id)

    def erns(self, *roles: Role) -> frozenset[str]:
        """The ERNs in which the actor holds one of these roles."""
        return frozenset(g.ern_id for g in self.grants if g.role in roles and g.ern_id)

"""Invite a whole expert group to a panel, and say who could not be invited and why."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.directory.groups import group_members
from cpms_core.directory.models import ExpertGroup
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.identity.models import User
from cpms_core.panels.scope import find_panel, networks_of
from cpms_core.panels.seats.members import invite_expert

_MOST_NAMED = 6
"""The sentence is carried by a cookie."""


class GroupInvitation(Struct, frozen=True, kw_only=True):
    group: str
    invited: tuple[str, ...]
    """Names."""
    skipped: tuple[tuple[str, str], ...]
    """(name, why)."""

    def __str__(self) -> str:
        """As the page says it afterwards."""
        if not self.invited and not self.skipped:
            return f"Nobody is in “{self.group}” yet, so nobody is invited."
        count = len(self.invited)
        said = f"{count} of “{self.group}” {'is' if count == 1 else 'are'} invited."
        if not self.skipped:
            return said
        named = "; ".join(f"{name}: {why}" for name, why in self.skipped[:_MOST_NAMED])
        more = len(self.skipped) - _MOST_NAMED
        return f"{said} Not invited: {named}" + (f" And {more} more." if more > 0 else "")


def invite_group(
    session: Session, actor: Actor, panel_id: UUID, group_id: UUID, role: str = "member"
) -> GroupInvitation:
    """Everybody of it who can be invited; perhaps that is nobody."""
    find_panel(session, actor, panel_id, "panel.invite")
    group = session.get(ExpertGroup, group_id)
    networks = networks_of(session, panel_id)
    if group is None or group.ended_at is not None or group.ern_id not in networks:
        raise NotFoundError("There is no such expert group in this ERN.")
    invited, skipped = [], []
    for user_id in group_members(session, group.id):
        name = session.get_one(User, user_id).name
        try:
            invite_expert(session, actor, panel_id, user_id, role)
        except InvalidError as error:
            skipped.append((name, _why(str(error), name)))
        else:
            invited.append(name)
    return GroupInvitation(group=group.name, invited=tuple(invited), skipped=tuple(skipped))


def _why(sentence: str, name: str) -> str:
    """The name stands before it already."""
    return sentence.removeprefix(f"{name} ")

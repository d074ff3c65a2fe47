"""Whether somebody whose answer is under way may have the rest of it."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from sqlalchemy.orm import Session

from cpms_core.access import Standing, could
from cpms_core.actor import Actor
from cpms_core.cases.scope import find_case
from cpms_core.declarations import Route
from cpms_core.errors import CpmsError
from cpms_core.identity.sessions import grants_of


def may_go_on(
    session: Session,
    actor: Actor,
    route: Route,
    path_values: Mapping[str, Any],
    plugin_permissions: Mapping[str, frozenset[Standing]],
) -> bool:
    """With the roles of now: whether the route is open, and the case that its address names."""
    actor = replace(actor, grants=grants_of(session, actor.user_id))
    if not could(actor, route.permission, plugin_permissions):
        return False
    case_id = path_values.get("case_id")
    if case_id is None:
        return True
    try:
        find_case(session, actor, case_id, route.permission)
    except CpmsError:
        return False
    return True

"""Who asks, as parameters of a statement: it is built once, and kept for whoever asks next.

Building a statement costs more than running it. Give `values(actor)` when it runs.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Boolean, String, Uuid, bindparam

from cpms_core.actor import CENTRE_ROLES, Actor, Role

ID: BindParameter[UUID] = bindparam("me", type_=Uuid())
IS_ADMIN: BindParameter[bool] = bindparam("is_admin", type_=Boolean())
CENTRES: BindParameter[Any] = bindparam("my_centres", type_=Uuid(), expanding=True)
"""Whose patients I see as somebody who works there. For `in_`, as all that follow."""
GUEST_ACCESS: BindParameter[Any] = bindparam("my_guest_access", type_=Uuid(), expanding=True)
MANAGED: BindParameter[Any] = bindparam("my_managed", type_=Uuid(), expanding=True)
PLACES: BindParameter[Any] = bindparam("my_places", type_=Uuid(), expanding=True)
"""Where I hold any role."""
TRIAGED: BindParameter[Any] = bindparam("my_triaged", type_=String(), expanding=True)
COORDINATED: BindParameter[Any] = bindparam("my_coordinated", type_=String(), expanding=True)


def values(actor: Actor) -> dict[str, Any]:
    return {
        "me": actor.user_id,
        "is_admin": Role.SYSTEM_ADMIN in actor.roles,
        "my_centres": actor.centres(*CENTRE_ROLES),
        "my_guest_access": actor.centres(Role.GUEST),
        "my_managed": actor.centres(Role.CENTRE_MANAGER),
        "my_places": actor.centres(*Role),
        "my_triaged": actor.erns(Role.COORDINATOR, Role.DISPATCHER),
        "my_coordinated": actor.erns(Role.COORDINATOR),
    }

"""Accounts at sign-in providers that are linked to the own one: link one, unlink one.

The touch of the key and the question to the provider take a request each, for what asks for a touch
prepares nothing: `pages_openid` has the rest of the way.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from cpms_core import Answer, Redirect, route
from cpms_core.audit import Event, record
from cpms_core.http.visit import PageVisit
from cpms_core.identity import openid
from cpms_web.pages_openid import find_provider, look_up, onward, send_to


class Linked(Struct, frozen=True, kw_only=True):
    """An account elsewhere, on the own profile."""

    id: UUID
    title: str
    linked_at: datetime
    last_used_at: datetime | None


@route(
    "POST",
    "/me/openid/{provider:str}/link",
    permission="site.use",
    event=Event.OPENID_BEGUN,
    step_up=openid.LINK,
)
def show_linking(visit: PageVisit, provider: str) -> Answer:
    """The next page, now that the key was touched."""
    asked = find_provider(visit, provider)
    record(visit.session, visit.actor, Event.OPENID_BEGUN, provider=asked.key)
    action = f"/me/openid/{asked.key}/go"
    return onward(action, {}, f"To {asked.title}", forms_to=(asked.origin,))


@route(
    "POST",
    "/me/openid/{provider:str}/go",
    permission="site.use",
    event=Event.OPENID_BEGUN,
    rate="ceremony",
    prepare=look_up,
)
def begin_linking(visit: PageVisit, provider: str) -> Answer:
    openid.ensure_may_link(visit.session, visit.actor)
    record(visit.session, visit.actor, Event.OPENID_BEGUN, provider=provider)
    return send_to(visit, find_provider(visit, provider), "link")


@route(
    "POST",
    "/me/openid/{identity_id:uuid}/unlink",
    permission="site.use",
    event=Event.OPENID_UNLINKED,
)
def unlink(visit: PageVisit, identity_id: UUID) -> Answer:
    openid.unlink_identity(visit.session, visit.actor, identity_id)
    return Redirect("/me", "The account is unlinked. Your key signs you in as before.")


def linked_accounts(visit: PageVisit) -> dict[str, Any]:
    """For the profile: what is linked, and what can be."""
    providers = visit.site.settings.openid_providers
    titles = {provider.issuer: provider.title for provider in providers}
    own = openid.identities_of(visit.session, visit.actor)
    linked = [
        Linked(
            id=one.id,
            title=titles.get(one.issuer, one.issuer),
            linked_at=one.linked_at,
            last_used_at=one.last_used_at,
        )
        for one in own
    ]
    known = {one.issuer for one in own}
    return {"linked": linked, "may_link": [one for one in providers if one.issuer not in known]}


ROUTES = (show_linking, begin_linking, unlink)

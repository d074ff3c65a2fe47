"""The own security keys: add another one, name one, remove one."""

from uuid import UUID

from cpms_core import Answer, Data, Page, Redirect, route
from cpms_core.audit import Event, record
from cpms_core.http.visit import PageVisit
from cpms_core.identity import own_keys
from cpms_web.ceremony_json import answered, ceremony_json

_KEY = "/me/keys/{key_id:uuid}"
_MINE = "site.use"


@route("POST", "/me/keys/add", permission=_MINE, event=Event.CHALLENGED, step_up=own_keys.ADD)
def show_adding(visit: PageVisit) -> Answer:
    """The next page, now that a key of before was touched."""
    record(visit.session, visit.actor, Event.CHALLENGED)
    return Page(template="web/add_key.html")


@route("POST", "/me/keys/begin", permission=_MINE, event=Event.CHALLENGED, rate="ceremony")
def begin(visit: PageVisit) -> Answer:
    record(visit.session, visit.actor, Event.CHALLENGED)
    begun = own_keys.begin_adding(visit.session, visit.site.key_policy, visit.actor)
    return Data(value=ceremony_json(begun))


@route("POST", "/me/keys/finish", permission=_MINE, event=Event.KEY_ENROLLED, rate="ceremony")
def finish(visit: PageVisit) -> Answer:
    challenge_id, answer = answered(visit)
    own_keys.finish_adding(visit.session, visit.site.key_policy, visit.actor, challenge_id, answer)
    return Data(value={"redirect": "/me"})


@route("POST", _KEY + "/name", permission=_MINE, event=Event.KEY_RENAMED)
def rename(visit: PageVisit, key_id: UUID) -> Answer:
    own_keys.rename_key(visit.session, visit.actor, key_id, visit.field("label"))
    return Redirect("/me", "The key has its new name.")


@route("POST", _KEY + "/remove", permission=_MINE, event=Event.KEY_REMOVED, step_up=own_keys.REMOVE)
def remove(visit: PageVisit, key_id: UUID) -> Answer:
    own_keys.remove_key(visit.session, visit.actor, key_id)
    return Redirect("/me", "The key is removed; whoever was signed in with it no longer is.")


ROUTES = (show_adding, begin, finish, rename, remove)

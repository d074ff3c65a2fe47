"""Join without an invitation: name, address and one's own key. Roles are asked for afterwards."""

from cpms_core import Answer, Data, Page, Redirect, route
from cpms_core.attempts import count_attempt
from cpms_core.audit import Event
from cpms_core.http.visit import PageVisit
from cpms_core.identity import joining
from cpms_web.ceremony_json import answered, ceremony_json, text_of

_PUBLIC = "site.enter"
MOST_FROM_A_NETWORK = 40
"""Within five minutes: a course at a hospital, and no flood of accounts."""


@route("GET", "/join", permission=_PUBLIC, event=None)
def show_join(visit: PageVisit) -> Answer:
    if visit.current_actor:
        return Redirect("/access/new")
    return Page(template="web/join.html")


@route("POST", "/join/begin", permission=_PUBLIC, event=None, rate="ceremony")
def begin_join(visit: PageVisit) -> Answer:
    name, email = _typed(visit)
    count_attempt(visit.session, "join from", visit.network, MOST_FROM_A_NETWORK)
    begun = joining.begin_joining(visit.session, visit.site.key_policy, name, email)
    return Data(value=ceremony_json(begun))


@route(
    "POST",
    "/join/finish",
    permission=_PUBLIC,
    event=Event.PERSON_JOINED,
    # The address has an account already. Whoever asks cannot tell.
    or_event=Event.KEY_REFUSED,
    rate="ceremony",
)
def finish_join(visit: PageVisit) -> Answer:
    name, email = _typed(visit)
    ceremony_id, answer = answered(visit)
    joining.finish_joining(visit.session, visit.site.key_policy, name, email, ceremony_id, answer)
    return Data(value={"redirect": "/join/done"})


@route("GET", "/join/done", permission=_PUBLIC, event=None)
def show_joined(visit: PageVisit) -> Answer:
    if visit.current_actor:
        return Redirect("/access/new")
    return Page(template="web/join_done.html", values={"next": "/access/new"})


def _typed(visit: PageVisit) -> tuple[str, str]:
    return text_of(visit.incoming.json, "name"), text_of(visit.incoming.json, "email")


ROUTES = (show_join, begin_join, finish_join, show_joined)

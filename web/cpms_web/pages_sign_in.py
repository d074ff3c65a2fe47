"""Enrol a key from a link, sign in, sign out."""

from cpms_core import Answer, Data, Page, Redirect, route
from cpms_core.attempts import count_attempt
from cpms_core.audit import Event, record
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity import ceremonies, people
from cpms_core.identity.models import AccountLink, User
from cpms_core.identity.sessions import end_session
from cpms_web.ceremony_json import answered, ceremony_json, text_of

_PUBLIC = "site.enter"


@route("GET", "/sign-in", permission=_PUBLIC, event=None)
def show_sign_in(visit: PageVisit) -> Answer:
    target = local_path(visit.query.get("next", "/"))
    if visit.current_actor:
        return Redirect(target)
    providers = visit.site.settings.openid_providers
    return Page(
        template="web/sign_in.html",
        values={"next": target, "providers": providers},
        forms_to=tuple(provider.origin for provider in providers),
    )


@route("POST", "/sign-in/begin", permission=_PUBLIC, event=None, rate="ceremony")
def begin_sign_in(visit: PageVisit) -> Answer:
    email = text_of(visit.incoming.json, "email")
    _count_tries(visit, email)
    begun = ceremonies.begin_sign_in(visit.session, visit.site.key_policy, visit.site.key, email)
    return Data(value=ceremony_json(begun))


@route("POST", "/sign-in/finish", permission=_PUBLIC, event=Event.SIGNED_IN, rate="ceremony")
def finish_sign_in(visit: PageVisit) -> Answer:
    challenge_id, answer = answered(visit)
    token = ceremonies.finish_sign_in(
        visit.session, visit.site.key_policy, challenge_id, answer, visit.client
    )
    if visit.current_actor and visit.current_actor.session_id:
        end_session(visit.session, visit.current_actor.session_id)
    visit.cookies_to_set[visit.site.session_cookie] = token
    return Data(value={"redirect": local_path(text_of(visit.incoming.json, "next") or "/")})


@route("POST", "/sign-out", permission="site.use", event=Event.SIGNED_OUT)
def sign_out(visit: PageVisit) -> Answer:
    record(visit.session, visit.actor, Event.SIGNED_OUT)
    if visit.actor.session_id:
        end_session(visit.session, visit.actor.session_id)
    visit.cookies_to_set[visit.site.session_cookie] = ""
    return Redirect("/sign-in")


@route("GET", "/enrol/{token:str}", permission=_PUBLIC, event=None)
def show_enrolment(visit: PageVisit, token: str) -> Answer:
    """Looking consumes nothing: mail scanners follow links too."""
    link = people.find_link(visit.session, token)
    user = visit.session.get_one(User, link.user_id)
    values = {"token": token, "name": user.name, "needs_code": link.code_hash is not None}
    return Page(template="web/enrol.html", values=values)


@route("POST", "/enrol/{token:str}/begin", permission=_PUBLIC, event=None, rate="ceremony")
def begin_enrolment(visit: PageVisit, token: str) -> Answer:
    link = _checked_link(visit, token)
    begun = ceremonies.begin_enrolment(visit.session, visit.site.key_policy, link)
    return Data(value=ceremony_json(begun))


@route(
    "POST",
    "/enrol/{token:str}/finish",
    permission=_PUBLIC,
    event=Event.KEY_ENROLLED,
    rate="ceremony",
)
def finish_enrolment(visit: PageVisit, token: str) -> Answer:
    challenge_id, answer = answered(visit)
    link = people.find_link(visit.session, token)
    ceremonies.finish_enrolment(visit.session, visit.site.key_policy, link, challenge_id, answer)
    return Data(value={"redirect": "/sign-in"})


def _count_tries(visit: PageVisit, email: str) -> None:
    """So many for an address from one network, so many from a network, so many in all.

    Never so many for an address alone: whoever knows it could keep its owner out.
    """
    mine = f"{email.strip().casefold()[:300]}\0{visit.network}"
    count_attempt(visit.session, "sign-in at all", "", MOST_TRIES["site"])
    count_attempt(visit.session, "sign-in from", visit.network, MOST_TRIES["network"])
    count_attempt(visit.session, "sign-in as", mine, MOST_TRIES["address"])


MOST_TRIES = {"address": 20, "network": 400, "site": 4000}
"""Within five minutes. A hospital whose staff come to work together is one network."""


def _checked_link(visit: PageVisit, token: str) -> AccountLink:
    link = people.find_link(visit.session, token)
    code = text_of(visit.incoming.json, "code")
    if not people.check_code(visit.session, visit.site.key, link, code):
        error = InvalidError(
            "This code does not belong to the link. Ask the person who invited you; "
            "after five wrong codes the link ends."
        )
        error.keeps_changes = True
        raise error
    return link


def local_path(target: str) -> str:
    """A path of this site, whatever somebody wrote into the address."""
    is_plain = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_plain and target.isprintable() and "\\" not in target else "/"


ROUTES = (
    show_sign_in,
    begin_sign_in,
    finish_sign_in,
    sign_out,
    show_enrolment,
    begin_enrolment,
    finish_enrolment,
)

"""Sign in by way of a provider, EU Login's kind.

The provider says whom it has in front of it; the security key proves it. What takes long, asking
the provider, runs before the transaction, and what must be kept whatever it answers is kept before
that: the counted try, and that the round trip is over.
"""

from urllib.parse import quote

from msgspec import Struct

from cpms_core import Answer, Data, Page, Redirect, route
from cpms_core.attempts import count_attempt
from cpms_core.audit import Event
from cpms_core.db import transaction
from cpms_core.errors import NotFoundError
from cpms_core.http.visit import PageVisit
from cpms_core.identity import openid, openid_provider
from cpms_core.identity.openid import RoundTrip
from cpms_core.identity.openid_provider import Described, Returned
from cpms_core.identity.openid_token import Named, OpenIdError
from cpms_core.identity.tokens import TOKEN_LENGTH, new_token
from cpms_core.settings import OpenIdProvider
from cpms_web.ceremony_json import ceremony_json, text_of
from cpms_web.openid_words import told
from cpms_web.pages_sign_in import local_path

_PUBLIC = "site.enter"
_BACK = "/sign-in/openid/back"
MOST_FROM_A_NETWORK, MOST_AT_ALL = 400, 4000
"""Round trips within five minutes, as sign-ins."""


class Answered(Struct, frozen=True):
    """Who came back, and what the provider says of them."""

    provider: OpenIdProvider
    trip: RoundTrip
    named: Named | OpenIdError


def look_up(visit: PageVisit, provider: str) -> Described | OpenIdError:
    """The provider's addresses, or why they cannot be had."""
    asked = find_provider(visit, provider)
    visit.session.rollback()
    with transaction(visit.site.engine) as session:
        count_attempt(session, "openid at all", "", MOST_AT_ALL)
        count_attempt(session, "openid from", visit.network, MOST_FROM_A_NETWORK)
    try:
        return openid_provider.discover(asked)
    except OpenIdError as error:
        return error


@route(
    "POST",
    "/sign-in/openid/{provider:str}",
    permission=_PUBLIC,
    event=None,
    rate="ceremony",
    prepare=look_up,
)
def begin_sign_in(visit: PageVisit, provider: str) -> Answer:
    return send_to(visit, find_provider(visit, provider), "sign_in")


@route("GET", _BACK, permission=_PUBLIC, event=None)
def show_back(visit: PageVisit) -> Answer:
    """A GET changes nothing: the page sends what the provider gave the browser on by itself."""
    brought = {name: visit.query.get(name, "") for name in ("code", "state", "iss", "error")}
    return onward("/sign-in/openid/finish", brought, "One moment")


def ask_provider(visit: PageVisit) -> Answered:
    """Take the round trip out, then exchange the code for whom the provider names."""
    state, code, issuer, error = map(visit.field, ("state", "code", "iss", "error"))
    visit.session.rollback()
    browser = visit.cookies.get(visit.site.openid_cookie, "")
    with transaction(visit.site.engine) as session:
        trip = openid.take_round_trip(session, state, browser)
    provider = find_provider(visit, trip.provider)
    returned = Returned(
        code=code,
        issuer=issuer,
        error=error,
        redirect_uri=visit.site.origin + _BACK,
        nonce=trip.nonce,
        code_verifier=trip.code_verifier,
    )
    try:
        return Answered(provider, trip, openid_provider.redeem(provider, returned))
    except OpenIdError as refused:
        return Answered(provider, trip, refused)


@route(
    "POST",
    "/sign-in/openid/finish",
    permission=_PUBLIC,
    event=Event.OPENID_NAMED,
    or_event=Event.OPENID_LINKED,
    rate="ceremony",
    prepare=ask_provider,
)
def finish(visit: PageVisit) -> Answer:
    answered: Answered = visit.prepared
    provider, trip, named = answered.provider, answered.trip, answered.named
    try:
        if isinstance(named, OpenIdError):
            raise named
        if trip.purpose == "link":
            openid.link_identity(visit.session, visit.current_actor, provider, trip, named)
            return Redirect("/me", f"{provider.title} is linked. Your key is needed all the same.")
        token = openid.name_account(visit.session, provider, trip, named)
    except OpenIdError as error:
        # Nothing is stored but that it happened.
        openid.note_refusal(visit.session, visit.current_actor, provider, error)
        return _refused(provider, trip.purpose, error, named)
    values = {
        "token": token,
        "title": provider.title,
        "name": named.name,
        "next": local_path(trip.browser[TOKEN_LENGTH:]),
    }
    return Page(template="web/openid_key.html", values=values)


@route("POST", "/sign-in/openid/key", permission=_PUBLIC, event=None, rate="ceremony")
def begin_key(visit: PageVisit) -> Answer:
    """The key's half. What follows is the ordinary end of a sign-in, `/sign-in/finish`."""
    begun = openid.begin_key_sign_in(
        visit.session,
        visit.site.key_policy,
        visit.site.key,
        text_of(visit.incoming.json, "token"),
        visit.cookies.get(visit.site.openid_cookie, ""),
    )
    return Data(value=ceremony_json(begun))


def find_provider(visit: PageVisit, key: str) -> OpenIdProvider:
    for provider in visit.site.settings.openid_providers:
        if provider.key == key:
            return provider
    raise NotFoundError("This site knows no such sign-in provider. Sign in with your key.")


def send_to(visit: PageVisit, provider: OpenIdProvider, purpose: openid.Purpose) -> Answer:
    described: Described | OpenIdError = visit.prepared
    if isinstance(described, OpenIdError):
        return _refused(provider, purpose, described)
    # Where to go afterwards stays with this browser; a provider need not learn what is read here.
    browser = new_token() + local_path(visit.field("next"))[:500]
    actor = visit.actor if purpose == "link" else None
    sent = openid.begin_round_trip(visit.session, provider, browser, actor)
    visit.cookies_to_set[visit.site.openid_cookie] = quote(browser, safe="")
    address = openid_provider.authorization_url(
        provider, described, redirect_uri=visit.site.origin + _BACK, sent=sent
    )
    return Redirect(address)


def _refused(
    provider: OpenIdProvider,
    purpose: openid.Purpose,
    error: OpenIdError,
    named: Named | OpenIdError | None = None,
) -> Answer:
    """What happened, and the way that is always open: the key alone."""
    title, message, status = told(error.reason, provider.title)
    values = {
        "title": title,
        "message": message,
        "purpose": purpose,
        "is_unknown": error.reason == "unknown",
        "name": named.name if isinstance(named, Named) else "",
    }
    return Page(template="web/openid_refused.html", values=values, status=status)


def onward(
    action: str, values: dict[str, str], title: str, *, forms_to: tuple[str, ...] = ()
) -> Answer:
    shown = {"action": action, "values": values, "title": title}
    return Page(template="web/openid_onward.html", values=shown, forms_to=forms_to)


ROUTES = (begin_sign_in, show_back, finish, begin_key)

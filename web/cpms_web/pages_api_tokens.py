"""Tokens for machines: the card on the own profile, make one, revoke one."""

from collections.abc import Collection, Mapping
from uuid import UUID

from msgspec import Struct

from cpms_core import Answer, Page, Redirect, route
from cpms_core.access import could
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity import api_tokens
from cpms_core.identity.api_tokens import MAKE, SCOPES, USUAL_DAYS
from cpms_core.identity.models import ApiToken
from cpms_core.words import words
from cpms_web.audit_words import token_mark
from cpms_web.typed import in_order

TITLES = {"name": "Name", "scopes": "What it may do", "days": "It ends after"}
LASTS = {"30": "30 days", "90": "90 days", "180": "180 days", "365": "a year"}


class TokenCard(Struct, frozen=True, kw_only=True):
    row: ApiToken
    scopes: tuple[str, ...]
    """In words."""
    mark: str
    """The end of its id, as the audit names it."""
    has_ended: bool


def token_cards(visit: PageVisit, user_id: UUID) -> tuple[TokenCard, ...]:
    now = clock.now()
    return tuple(
        TokenCard(
            row=row,
            scopes=tuple(map(in_words, row.scopes)),
            mark=token_mark(row.id),
            has_ended=row.expires_at <= now,
        )
        for row in api_tokens.list_tokens(visit.session, user_id)
    )


def in_words(scope: str) -> str:
    """A plugin's own scope as its parts: `imaging: send`."""
    plugin, _, thing = scope.partition(".")
    return SCOPES.get(scope) or f"{words(plugin).lower()}: {words(thing).lower()}"


@route("GET", "/me/tokens/new", permission="site.work", event=None)
def show_making(visit: PageVisit) -> Answer:
    return _form(visit, {"name": "", "days": str(USUAL_DAYS)}, (), {})


@route("POST", "/me/tokens", permission="site.work", event=Event.TOKEN_MADE, step_up=MAKE)
def make(visit: PageVisit) -> Answer:
    """Shown once: only the digest is kept."""
    name, days = visit.field("name"), visit.field("days", max_length=10)
    chosen = [scope for scope in _offered(visit) if scope in visit.form.get("scopes", [])]
    number = int(days) if days.isascii() and days.isdigit() else 0
    try:
        text = api_tokens.make_token(visit.session, visit.actor, name, chosen, number)
    except InvalidError as error:
        if not error.fields:
            raise
        return _form(visit, {"name": name, "days": days}, chosen, error.fields)
    values = {"text": text, "name": name, "lasts": LASTS.get(days, f"{days} days")}
    return Page(template="web/api_token.html", values=values)


@route("POST", "/tokens/{token_id:uuid}/revoke", permission="site.use", event=Event.TOKEN_REVOKED)
def revoke(visit: PageVisit, token_id: UUID) -> Answer:
    """The own one, or of a person whose account one could end."""
    whose = api_tokens.revoke_token(visit.session, visit.actor, token_id)
    page = "/me" if whose == visit.actor.user_id else f"/people/{whose}"
    return Redirect(page, "The token is revoked. Whatever used it is refused from now on.")


def _offered(visit: PageVisit) -> dict[str, str]:
    """Scope → words, of what some page or file of this site lets this person's machines do."""
    site = visit.site
    found = {
        route.api
        for _, route in site.registry.routes
        if route.api and could(visit.actor, route.permission, site.plugin_permissions)
    }
    known = [scope for scope in SCOPES if scope in found]
    return {scope: in_words(scope).capitalize() for scope in [*known, *sorted(found - {*known})]}


def _form(
    visit: PageVisit,
    typed: Mapping[str, str],
    chosen: Collection[str],
    problems: Mapping[str, str],
) -> Answer:
    values = {
        "titles": TITLES,
        "typed": typed,
        "chosen": chosen,
        "problems": in_order(problems, TITLES),
        "scopes": _offered(visit),
        "lasts": LASTS,
    }
    return Page(template="web/api_token_new.html", values=values, status=422 if problems else 200)


ROUTES = (show_making, make, revoke)

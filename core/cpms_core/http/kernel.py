"""One request, top to bottom: who, may they, what was sent, the handler, one commit, the answer.

The part that touches the store runs in one thread hop and one transaction, and the page is made
before it is committed: nobody reads that a step failed which was kept. A GET may not write; its
audit event is committed after it, together with those of others who read at the same moment. A
success must have recorded the audit event its route declares; otherwise nothing is kept and the
request fails.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from anyio import CancelScope, CapacityLimiter, to_thread
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cpms_core import access, audit
from cpms_core.actor import Actor
from cpms_core.answers import Answer, Data, Page, Redirect
from cpms_core.case_events import announce_later
from cpms_core.db import Write, lost_a_race, transaction
from cpms_core.declarations import Route
from cpms_core.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    SignInNeededError,
    TokenRefusedError,
    TwoSignInsError,
)
from cpms_core.http import errors
from cpms_core.http.addresses import client_address, network_of
from cpms_core.http.cookies import set_cookies, shown_once
from cpms_core.http.going_on import may_go_on
from cpms_core.http.incoming import Incoming, bearers, read_body, read_cookies, read_query
from cpms_core.http.outgoing import respond
from cpms_core.http.pieces import Over
from cpms_core.http.render import NavLink, Rendering
from cpms_core.http.site import LiveSite
from cpms_core.http.stepping_up import step_up_page
from cpms_core.http.visit import PageVisit, PluginVisit
from cpms_core.identity.api_tokens import machine
from cpms_core.identity.sessions import SignedIn, signed_in
from cpms_core.identity.step_up import find_touch, use_up
from cpms_core.identity.tokens import csrf_matches, csrf_token
from cpms_core.once import done_before, remember
from cpms_core.registry import PluginInfo

log = logging.getLogger("cpms")

Req = Request[Any, Any, Any]
_threads = CapacityLimiter(4)
# What prepares an answer (a file in the sandbox) waits here, not in the way of others' pages.
_slow_threads = CapacityLimiter(4)


class AuditMissingError(Exception):
    """A handler succeeded without the audit event its route declares: a fault of ours."""


def handler_for(site: LiveSite, owner: PluginInfo, route: Route) -> HTTPRouteHandler:
    """The Litestar handler of one declared route."""

    async def endpoint(request: Req) -> Response[Any]:
        return await _answer(site, owner, route, request)

    largest = site.settings.max_upload_mb * 2**20 if route.rate == "upload" else 8 * 2**20
    return HTTPRouteHandler(
        owner.mount + route.path,
        http_method=route.method,
        name=f"{owner.name}:{route.method}:{route.path}",
        opt={"route": route, "owner": owner},
        request_max_body_size=largest + 2**20,
    )(endpoint)


async def _answer(site: LiveSite, owner: PluginInfo, route: Route, request: Req) -> Response[Any]:
    cookies = read_cookies(request)
    sent = bearers(request)
    token = "" if sent else cookies.get(site.session_cookie, "")
    is_htmx = request.headers.get("hx-request") == "true"
    call = Call(
        site=site,
        owner=owner,
        route=route,
        address=request.url.path,
        token=token,
        bearer=sent[0] if sent else None,
        is_htmx=is_htmx,
        is_background=not sent
        and (route.rate == "stream" or request.headers.get("x-background") == "true"),
    )
    incoming = Incoming()
    try:
        call.ensure_one_sign_in(len(sent) + (site.session_cookie in cookies))
        network = network_of(client_address(request, site.trusted_proxies))
        site.limiter.take(route.rate, network, sent[0] if sent else token)
        query = read_query(request)
        if route.method == "GET":
            errors.ensure_not_embedded(request)
        else:
            errors.ensure_same_site(request, site)
            # Before the body is read: nobody who may not post makes us buffer anything.
            await to_thread.run_sync(call.admit, limiter=_threads)
            largest = site.settings.max_upload_mb * 2**20
            incoming = await read_body(request, site.files.incoming, largest)
        visit = partial(
            PageVisit,
            site=site,
            query=query,
            incoming=incoming,
            client=request.headers.get("user-agent", ""),
            network=network,
            cookies=cookies,
            is_htmx=is_htmx,
        )
        given_token = request.headers.get("x-csrf-token") or call.form_token(incoming)
        if route.prepare is not None:
            prepare = partial(call.prepare, visit, request.path_params, given_token)
            prepared = await to_thread.run_sync(prepare, limiter=_slow_threads)
            visit = partial(visit, prepared=prepared)
        run = partial(call.answer, visit, request.path_params, given_token, cookies)
        return await to_thread.run_sync(run, limiter=_threads)
    except Exception as error:  # noqa: BLE001 - the last-resort handler: every failure becomes a page
        answer = errors.page_for(error, request, is_json=errors.wants_json(request))
        rendering = await _rendering_of_failure(call, error)
        respond_now = partial(respond, answer, site.templates, rendering)
        response = await to_thread.run_sync(respond_now, limiter=_threads)
        response.headers.update(errors.headers_for(error))
        return response
    finally:
        for upload in incoming.uploads:
            upload.path.unlink(missing_ok=True)


class Call(msgspec.Struct, kw_only=True):
    """The half of a request that runs in a thread."""

    site: LiveSite
    owner: PluginInfo
    route: Route
    address: str
    token: str
    """Of a browser's session; empty for whoever has none."""
    bearer: str | None
    """Of a machine: then no cookie is read or set, and so no form token is needed."""
    is_htmx: bool
    is_background: bool = False
    """Sent by a script of ours on its own: it does not keep the session alive.

    Nor does it take the sentence that the next page is to show.
    """
    who: SignedIn | None = None
    afterwards: list[Callable[[], object]] = []

    def ensure_one_sign_in(self, sent: int) -> None:
        if sent > 1:
            raise TwoSignInsError

    def admit(self) -> None:
        """Refuse whoever could not get through, before a byte of the body is read."""
        with transaction(self.site.engine, read_only=True) as session:
            self.who = self._who(session, is_activity=False)
        self._ensure_could()

    def prepare(self, visit_of: Any, path_values: dict[str, Any], given_token: object) -> Any:
        """What takes long, outside the transaction: nobody's writing waits for it."""
        assert self.route.prepare is not None
        with transaction(self.site.engine, read_only=True) as session:
            self.who = self._who(session, is_activity=False)
            self._ensure_could()
            self._ensure_csrf(given_token)
            visit = visit_of(session=session, current_actor=self._actor)
            return self.route.prepare(visit, **path_values)

    def answer(
        self,
        visit_of: Any,
        path_values: dict[str, Any],
        given_token: object,
        cookies: dict[str, str],
    ) -> Response[Any]:
        """Once more after losing a race: then the handler sees what the other one did."""
        # A machine only reads, and its transaction is held to that: also where people must POST.
        only_reads = self.route.method == "GET" or self.bearer is not None
        run = self._read if only_reads else self._write
        try:
            return run(visit_of, path_values, given_token, cookies)
        except DBAPIError as error:
            if not lost_a_race(error):
                raise
        try:
            return run(visit_of, path_values, given_token, cookies)
        except DBAPIError as error:
            if not lost_a_race(error):
                raise
            raise ConflictError(
                "Several people did this at the same moment, so nothing of it was kept. "
                "Reload the page and try again."
            ) from error

    def _read(self, *request: Any) -> Response[Any]:
        postponed: list[Write] = []
        with transaction(self.site.engine, read_only=True, postponed=postponed) as session:
            response = self._respond(session, *request)
        self.site.shared_commit.write(self.site.engine, postponed)
        return response

    def _write(self, *request: Any) -> Response[Any]:
        with transaction(self.site.engine) as session:
            response = self._respond(session, *request)
            announce_later(session, self.site.registry)
        for act in self.afterwards:
            act()
        return response

    def _respond(
        self,
        session: Session,
        visit_of: Any,
        path_values: dict[str, Any],
        given_token: object,
        cookies: dict[str, str],
    ) -> Response[Any]:
        self.who = self._who(session, is_activity=not self.is_background)
        self._ensure_could()
        self._ensure_csrf(given_token)
        visit: PageVisit = visit_of(
            session=session, current_actor=self._actor, seconds_left=self._seconds_left
        )
        answer = self._handle_once(visit, path_values)
        self.afterwards = visit.afterwards
        flash = () if self.is_background else shown_once(self.site, cookies, self.token)
        rendering = msgspec.structs.replace(self.rendering(), flash=flash)
        signs = partial(self.site.hub.open, token=self.token)
        over = self._over(path_values)
        response = respond(answer, self.site.templates, rendering, over, signs)
        to_set = visit.cookies_to_set
        set_cookies(self.site, response, answer, to_set, self.token, is_flash_shown=bool(flash))
        return response

    def _handle_once(self, visit: PageVisit, path_values: dict[str, Any]) -> Answer:
        """A form that is sent again gets the answer of the first time."""
        session, actor = visit.session, visit.current_actor
        once = visit.form.get("_once", [""])[0][:64]
        # PostgreSQL cannot look for NUL; and a machine has no forms.
        once = once if once.isprintable() and self.bearer is None else ""
        earlier = done_before(session, actor, once) if once and actor else None
        if earlier:
            return Redirect(earlier)
        touch = self._touch(visit, path_values)
        if self.route.step_up and touch is None and self.bearer is None:
            return step_up_page(visit, self.route.step_up, _subject(path_values), self.address)
        lent = visit if self.owner.mount == "" else PluginVisit(visit, self.route.permission)
        answer: Answer = self.route.handler(lent, **path_values)
        if touch and not _is_refusal(answer):
            use_up(session, touch)
        if once and actor and isinstance(answer, Redirect):
            remember(session, actor, once, answer.to)
        self._ensure_audited(session, answer)
        return answer

    def _touch(self, visit: PageVisit, path_values: dict[str, Any]) -> UUID | None:
        if not self.route.step_up or self.bearer is not None:
            return None
        return find_touch(visit.session, visit.actor, self.route.step_up, _subject(path_values))

    def _over(self, path_values: dict[str, Any]) -> Over:
        """What takes long to send ends with the sign-in, or with the right to it."""
        if self._actor is None:
            return CancelScope
        if self.route.rate == "stream":  # whose right is asked for where its signs come from
            return partial(self.site.watch.over, self.token)
        asked = (self._actor, self.route, path_values, self.site.plugin_permissions)
        return partial(
            self.site.watch.over,
            self.bearer or self.token,
            lambda session: may_go_on(session, *asked),
        )

    def rendering(self) -> Rendering:
        actor = self._actor
        return Rendering(
            actor=actor,
            csrf_token=csrf_token(self.who.token.encode()) if self.who else "",
            nav_links=self._nav_links(actor),
            session_seconds=self._seconds_left,
            is_htmx=self.is_htmx,
        )

    @property
    def _actor(self) -> Actor | None:
        return self.who.actor if self.who else None

    @property
    def _seconds_left(self) -> int:
        return self.who.seconds_left if self.who else 0

    def note_denial(self) -> None:
        """A refusal of a signed-in person is itself an event."""
        with transaction(self.site.engine) as session:
            self.who = self._who(session, is_activity=False)
            if self.who:
                audit.record(session, self.who.actor, audit.Event.DENIED, route=self.route.path)

    def form_token(self, incoming: Incoming) -> object:
        return incoming.form.get("csrf_token", [""])[0]

    def _who(self, session: Any, *, is_activity: bool) -> SignedIn | None:
        if self.bearer is not None:
            return self._machine(session, is_activity=is_activity)
        if not self.token:
            return None
        who = signed_in(session, self.token, self.site.settings, is_activity=is_activity)
        if who:
            self.site.limiter.prove(self.token)
        return who

    def _machine(self, session: Session, *, is_activity: bool) -> SignedIn:
        assert self.bearer is not None
        who = machine(session, self.bearer, is_activity=is_activity)
        if who is None:
            raise TokenRefusedError
        self.site.limiter.prove(self.bearer)
        return who

    def _ensure_could(self) -> None:
        who, actor = self.who, self._actor
        if who and who.scopes is not None and self.route.api not in who.scopes:
            raise ForbiddenError("This token is for other things. Its person can make another one.")
        if access.could(actor, self.route.permission, self.site.plugin_permissions):
            return
        if actor is None:
            raise SignInNeededError
        raise ForbiddenError("Your roles on this site do not include this page.")

    def _ensure_csrf(self, given: object) -> None:
        if self.route.method == "GET" or self.who is None or self.bearer is not None:
            return
        if not csrf_matches(self.who.token.encode(), given):
            raise ForbiddenError(
                "This form comes from an older sign-in, so nothing was done. "
                "Go back, reload the page and send it again."
            )

    def _ensure_audited(self, session: Any, answer: Answer) -> None:
        expected = {str(event) for event in (self.route.event, self.route.or_event) if event}
        if expected and not _is_refusal(answer) and expected.isdisjoint(audit.recorded(session)):
            raise AuditMissingError(f"{self.route.method} {self.route.path}: {expected}")

    def _nav_links(self, actor: Actor | None) -> tuple[NavLink, ...]:
        if actor is None:
            return ()
        here = self.owner.mount + self.route.path
        return tuple(
            NavLink(link.title, link.href, here == link.href or here.startswith(link.href + "/"))
            for link in self.site.registry.links
            if access.could(actor, link.permission, self.site.plugin_permissions)
        )


def _subject(path_values: dict[str, Any]) -> UUID | None:
    """Whom or what an act is done to: the last id in its address."""
    ids = [value for value in path_values.values() if isinstance(value, UUID)]
    return ids[-1] if ids else None


def _is_refusal(answer: Answer) -> bool:
    return isinstance(answer, Page | Data) and answer.status >= 400  # noqa: PLR2004 - HTTP's own limit


async def _rendering_of_failure(call: Call, error: Exception) -> Rendering:
    try:
        if isinstance(error, ForbiddenError | NotFoundError):
            await to_thread.run_sync(call.note_denial, limiter=_threads)
        return call.rendering()
    except Exception:  # whatever else is broken, the page that says so must appear
        # The store is gone too: the page must still appear.
        log.exception("while answering a failure")
        return Rendering(actor=None, is_htmx=call.is_htmx)

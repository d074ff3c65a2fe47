"""A whole site in this process, and people with browsers in it."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from html import unescape
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from httpx import Response
from litestar import Litestar
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.audit import AuditEvent
from cpms_core.db import transaction
from cpms_core.files import FileStore
from cpms_core.http.app import live_site, load_plugins, make_app
from cpms_core.http.site import LiveSite
from cpms_core.identity.models import SignInSession, StepUp, User
from cpms_core.identity.sessions import actor_for
from cpms_core.identity.tokens import csrf_token, token_digest
from cpms_core.keys import create_site_key
from cpms_core.settings import Settings, Site
from tests import factories
from tests.client import Client

ORIGIN = "http://localhost:8000"
_STEP_UP = re.compile(
    r'name="_act" value="([^"]*)">\s*<input type="hidden" name="_subject" value="([^"]*)"'
)
PLUGINS = ("ern_ithaca", "dicom_viewer", "reporting")


class Live:
    """A LiveSite and its application, made once; each test lends it a store of its own."""

    def __init__(self, live: LiveSite) -> None:
        self.live = live
        self.client = Client(make_app(live), ORIGIN)


def make_live(data: Path) -> Live:
    settings = Settings(demonstration=True, base_url=ORIGIN)
    key = create_site_key(data / "site.key")
    return Live(live_site(Site(data, settings), load_plugins(PLUGINS), key=key))


class Browser:
    """One person's browser: keeps cookies and sends the form token with every post."""

    def __init__(
        self,
        client: Client,
        token: str = "",
        actor: Actor | None = None,
        touch: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self.client = client
        self._touch = touch
        self.cookies = {"cpms": token} if token else {}
        self._actor = actor

    @property
    def token(self) -> str:
        return self.cookies.get("cpms", "")

    @property
    def actor(self) -> Actor:
        assert self._actor is not None
        return self._actor

    @property
    def csrf(self) -> str:
        return csrf_token(self.token.encode()) if self.token else ""

    def get(self, path: str, **options: Any) -> Response:
        return self._send("GET", path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> Response:
        """A form, as a page of ours sends it; `json=` or `content=` for what is none.

        If the site asks for a touch of the key first, it is given; `touches=False` gives none.
        """
        is_touching = options.pop("touches", True) and self._touch is not None
        headers = {"X-CSRF-Token": self.csrf, "Origin": ORIGIN, **options.pop("headers", {})}
        if not options.keys() & {"json", "content", "files"}:
            options["data"] = data or {}
        answer = self._send("POST", path, headers=headers, **options)
        asked = re.search(_STEP_UP, answer.text) if answer.status_code == 403 else None
        if asked and is_touching and self._touch:
            self._touch(self.token, *map(unescape, asked.groups()))
            answer = self._send("POST", path, headers=headers, **options)
        return answer

    def _send(self, method: str, path: str, **options: Any) -> Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**({"Cookie": cookies} if cookies else {}), **options.pop("headers", {})}
        answer = self.client.request(method, path, headers=headers, **options)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "max-age=0" in line.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def follow(self, answer: Response) -> Response:
        """The page a redirect leads to; the redirect itself must be one."""
        assert answer.status_code == 303, f"{answer.status_code}: {answer.text[:2000]}"
        return self.get(answer.headers["location"])


class TestSite:
    __test__ = False

    def __init__(self, live: Live, engine: Engine, folder: Path) -> None:
        self.live = live.live
        self.engine = engine
        self._client = live.client
        self.folder = folder

    def __enter__(self) -> Self:
        self.live.engine = self.engine
        self.live.files = FileStore(self.folder / "files")
        self.live.limiter.clear()
        # Its client waits for the end of every answer.
        self.live.hub.longest = 0.0
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing of it stays open: the client is for all tests."""

    @cached_property
    def app(self) -> Litestar:
        """For an event loop of the caller's own; browsers use the one for all tests."""
        return make_app(self.live)

    def move_to(self, engine: Engine, folder: Path) -> None:
        """Go on with another store and other files, as after a restore."""
        self.engine = self.live.engine = engine
        self.live.files = FileStore(folder / "files")
        self.live.limiter.clear()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with transaction(self.engine) as session:
            yield session

    def browser(self, token: str = "", actor: Actor | None = None) -> Browser:
        """A browser that is not signed in, unless a session's token is given."""
        return Browser(self._client, token, actor, self._touch)

    def _touch(self, token: str, act: str, subject: str) -> None:
        """As if a step-up's ceremony had just succeeded in this browser's session."""
        with self.transaction() as session:
            own = SignInSession.token_hash == token_digest(token)
            session_id = session.scalars(select(SignInSession.id).where(own)).one()
            subject_id = UUID(subject) if subject else None
            session.add(StepUp(session_id=session_id, act=act, subject_id=subject_id))

    def person(
        self,
        role: Role | str | None = Role.PROFESSIONAL,
        *,
        hcp: str | None = "FR10",
        **values: Any,
    ) -> Browser:
        """A signed-in person with one role or none; see factories.make_user for the rest."""
        with self.transaction() as session:
            user = factories.make_user(
                session, role=Role(role) if role else None, hcp=hcp, **values
            )
            token = factories.make_session(session, user)
            actor = actor_for(session, user)
        return self.browser(token, actor)

    def sign_in_again(self, user_id: UUID) -> Browser:
        with self.transaction() as session:
            user = session.get_one(User, user_id)
            token = factories.make_session(session, user)
            actor = actor_for(session, user)
        return self.browser(token, actor)

    def events(self) -> list[str]:
        """The tags of every audit event so far, oldest first."""
        with self.transaction() as session:
            return list(session.scalars(select(AuditEvent.tag).order_by(AuditEvent.id)))

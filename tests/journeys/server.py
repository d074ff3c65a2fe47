"""A real `cpms serve` in a process of its own: on a free port of this machine, over a data folder.

`make_data(folder, template)` makes the folder; `Server(folder)` serves it. A test reaches the same
store from its own process to put people and cases into it, or to look afterwards.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx
from sqlalchemy import Engine, select

from cpms_core.actor import Actor, Role
from cpms_core.db import make_engine, transaction
from cpms_core.identity.models import SignInSession, StepUp, User
from cpms_core.identity.sessions import actor_for
from cpms_core.identity.tokens import csrf_token, token_digest
from cpms_core.keys import create_site_key
from cpms_core.settings import Settings, Site, read_site, write_settings
from tests import factories
from tests.engines import SqliteTemplate, Template
from tests.site import PLUGINS

CPMS = Path(sys.executable).with_name("cpms")
STARTS_WITHIN = 30.0


def make_data(
    folder: Path, template: Template, plugins: tuple[str, ...] = PLUGINS, **settings: Any
) -> Site:
    """A demonstration site without coded terms, which would take seconds to load.

    With a PostgresTemplate it is served from that template's own database.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(template, SqliteTemplate):
        with template.copy(folder):
            pass
    else:
        settings["database"] = template.engine.url.render_as_string(hide_password=False)
    address = f"http://localhost:{free_port()}"
    write_settings(folder, Settings(demonstration=True, base_url=address, **settings))
    (folder / "plugins.toml").write_text(f"enabled = {list(plugins)!r}\n".replace("'", '"'))
    site = read_site(folder)
    create_site_key(site.site_key_path)
    return site


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def cpms(*arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run the program as an administrator does; what it printed. Fails unless it ends with 0."""
    done = run_cpms(*arguments, env=env)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


def run_cpms(
    *arguments: str | Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CPMS, *arguments], env=env, capture_output=True, text=True, check=False, timeout=120
    )


class Server:
    """`with Server(folder) as server:`; `kill()` and `start()` in between are a crash."""

    def __init__(self, data: Path, env: Mapping[str, str] | None = None, workers: int = 1) -> None:
        self.data = data
        self._workers = workers
        self.site = read_site(data)
        self.url = self.site.settings.base_url
        self.port = int(self.url.rpartition(":")[2])
        self.engine: Engine = make_engine(self.site.database_url)
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._people: list[Person] = []
        self._log = data.with_name(data.name + ".log")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for person in self._people:
            person.close()
        self.kill()
        self.engine.dispose()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Returns when the site answers; fails with what it printed if it does not."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(CPMS, "serve", "--data", self.data, "--port", str(self.port)),
                    *("--workers", str(self._workers)),
                ],
                stdout=log,
                stderr=log,
                env=self._env,
                start_new_session=True,
            )
        ends = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < ends:
            assert self._process.poll() is None, f"it ended by itself\n{self.log}"
            try:
                httpx.get(f"{self.url}/health", timeout=2).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"it did not answer within {STARTS_WITHIN} s\n{self.log}")

    def kill(self) -> None:
        """SIGKILL to all of its processes at once: nobody may tidy up."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10)
            self._process = None

    @property
    def pid(self) -> int:
        """Of its first process, the parent of the workers."""
        assert self._process is not None
        return self._process.pid

    def kill_parent(self) -> None:
        """SIGKILL to the first process only, which the others hang on."""
        assert self._process is not None
        self._process.kill()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(timeout=15)
        self._process = None
        return code

    def touch(self, person: "Person", act: str, subject_id: UUID | None = None) -> None:
        """As if the person had just touched the key for this act."""
        with transaction(self.engine) as session:
            own = SignInSession.token_hash == token_digest(person.token)
            session_id = session.scalars(select(SignInSession.id).where(own)).one()
            session.add(StepUp(session_id=session_id, act=act, subject_id=subject_id))

    def person(self, role: Role | str = Role.PROFESSIONAL, **values: Any) -> "Person":
        """Somebody who is signed in; see factories.make_user for what can be given."""
        with transaction(self.engine) as session:
            user_id = factories.make_user(session, role=Role(role), **values).id
        return self.sign_in(user_id)

    def sign_in(self, user_id: UUID) -> "Person":
        """Somebody who has an account."""
        with transaction(self.engine) as session:
            user = session.get_one(User, user_id)
            token = factories.make_session(session, user)
            found = Person(self.url, token, actor_for(session, user))
        self._people.append(found)
        return found


class Person(httpx.Client):
    """A signed-in browser of a real server; sends the form token with every post."""

    def __init__(self, url: str, token: str, actor: Actor) -> None:
        csrf = csrf_token(token.encode())
        super().__init__(
            base_url=url,
            timeout=20,
            headers={"Cookie": f"cpms={token}", "X-CSRF-Token": csrf, "Origin": url},
        )
        self.token = token
        self.actor = actor

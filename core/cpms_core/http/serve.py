"""Serve a site: the application that workers run, and how it changes while it runs.

When `plugins.toml` changes, a new application is built beside the old one and swapped in between
two requests; requests that are under way finish with the old one.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server import Server
from litestar import Litestar
from litestar.types import Receive, Scope, Send
from sqlalchemy.orm import Session

from cpms_core import sandbox
from cpms_core.auditing.chain import seal
from cpms_core.case_events import KIND, announce_now
from cpms_core.db import make_engine, transaction
from cpms_core.http.app import live_site, load_plugins, make_app
from cpms_core.http.site import LiveSite
from cpms_core.identity.access_reminders import remind_of_requests
from cpms_core.identity.joining import remove_unused
from cpms_core.jobs import DAY, HOUR, Runner, seldom
from cpms_core.keeping.scrub import SCRUB, scrub
from cpms_core.panels.after.archiving import tidy_up
from cpms_core.panels.clock.escalation import escalate_panels
from cpms_core.panels.clock.late_triage import escalate_requests
from cpms_core.panels.clock.renewal import renew_missing
from cpms_core.panels.seats.reminders import remind_of_invitations
from cpms_core.plugins.enabled import read_enabled
from cpms_core.plugins.watch import PluginWatch
from cpms_core.settings import Site, read_site

log = logging.getLogger("cpms")

DATA_VARIABLE = "CPMS_DATA"


class ChangingApp:
    """An ASGI application that is always one whole Litestar application, now and then another."""

    def __init__(self, site: Site) -> None:
        self.engine = make_engine(site.database_url)
        names = read_enabled(site.plugins_file)
        self.live = live_site(site, load_plugins(names), engine=self.engine)
        self.app: Litestar = make_app(self.live)
        self._watch = PluginWatch(site.plugins_file, self._change, names=names)
        # What interrupted uploads left; nobody uploads one file for a day.
        sweep = seldom(HOUR, lambda: self.live.files.sweep(timedelta(days=1)))
        remind = seldom(HOUR, lambda: self._do(remind_of_requests))
        invited = seldom(HOUR, lambda: self._do(remind_of_invitations))
        # The first round also fills in what an older version left without a time.
        clocks = seldom(DAY, self._renew_clocks)
        late = seldom(timedelta(minutes=5), lambda: self._do(escalate_panels))
        triage = seldom(timedelta(minutes=5), lambda: self._do(escalate_requests))
        remove = seldom(DAY, lambda: self._do(remove_unused))
        tidy = seldom(HOUR, lambda: self._do(tidy_up))
        works = {
            KIND: lambda payload: announce_now(self.live.registry, payload),
            SCRUB: lambda _payload: scrub(self.engine),
        }
        self._runner = Runner(
            self.engine,
            works,
            tasks=(
                lambda: seal(self.engine),
                sweep,
                clocks,
                late,
                triage,
                remind,
                invited,
                remove,
                tidy,
            ),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":  # type: ignore[comparison-overlap]  # Litestar types HTTP and sockets only
            await self.app(scope, receive, send)
            return
        while True:
            message: Any = await receive()
            if message["type"] == "lifespan.startup":
                self.start()
            else:
                self.stop()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return

    def start(self) -> None:
        self._watch.start()
        self._runner.start()

    def stop(self) -> None:
        self._watch.stop()
        self._runner.stop()
        sandbox.close_all()

    def _do(self, chore: Callable[[Session], object]) -> object:
        with transaction(self.engine) as session:
            return chore(session)

    def _renew_clocks(self) -> None:
        while self._do(renew_missing):
            pass

    def _change(self, names: tuple[str, ...]) -> None:
        """Runs in the watching thread; the swap is one assignment."""
        old = self.live
        live: LiveSite = live_site(
            old.site, load_plugins(names), engine=self.engine, key=old.key, limiter=old.limiter
        )
        self.app, self.live = make_app(live), live
        log.info("plugins are now: %s", ", ".join(names) or "none")


def app() -> ChangingApp:
    """What a worker process runs; the parent names the data folder in the environment."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with, args=(os.getppid(),), name="parent", daemon=True).start()
    return ChangingApp(read_site(Path(os.environ[DATA_VARIABLE])))


def _end_with(parent: int) -> None:
    """A worker whose parent was killed would serve on, beside the site that is started next."""
    while os.getppid() == parent:
        time.sleep(0.5)
    log.error("the parent process is gone; this worker ends")
    os.kill(os.getpid(), signal.SIGKILL)  # as safe as a power cut: nothing unacknowledged is kept


def serve(site: Site, host: str, port: int, workers: int = 1) -> None:
    """Serve until a signal ends it; requests under way get two seconds to finish."""
    os.environ[DATA_VARIABLE] = str(site.data)
    Server(
        "cpms_core.http.serve:app",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        # Half a request line or header keeps its connection for this long, in milliseconds.
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        factory=True,
        workers=workers,
        workers_kill_timeout=2,
        # Beside open streams, which are many and idle (`live.MOST`), there is room for pages.
        backpressure=512,
        log_access=False,
    ).serve()

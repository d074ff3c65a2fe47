"""How soon a person sees what a large case is about: a real Chromium, a real server over HTTP.

From the start of the navigation until Chromium has shown both the banner with the pseudonym and the
question, by its own clock (Element Timing); the session, the audit and the render are in it. The
person comes from another page of the site, so that Chromium has a process for it. At a cold load
there is nothing in the cache, neither styles nor script nor font; a warm one is the next.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from playwright.sync_api import Browser

from cpms_core.http.app import live_site, load_plugins
from cpms_core.settings import read_site
from tests.bench.consultation.long_panel import lengthen
from tests.bench.consultation.panel_page import ATTACHMENTS, CONTRIBUTIONS
from tests.bench.figure import CannotMeasureError, Figure, at_most
from tests.engines import SqliteTemplate
from tests.journeys.chromium import DESKTOP, bring_session, chromium
from tests.journeys.server import Server, make_data
from tests.site import PLUGINS, Live, TestSite
from tests.web.world import World

GOAL = 300
"""Milliseconds."""
LOADS = 40
_WARM_UP = 3


class Seen(NamedTuple):
    """Milliseconds from the start of the navigation."""

    anything: float
    first_block: float


def measure(loads: int = LOADS) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="cpms-bench-") as name:
        folder = Path(name)
        make_data(folder / "site", SqliteTemplate(folder))
        with Server(folder / "site") as server, chromium() as browser:
            world = _world(server)
            lengthen(world, CONTRIBUTIONS, ATTACHMENTS)
            for title, kind in (("Case page", "case"), ("Panel page", "panel")):
                address = f"{server.url}/{kind}s/{world.values[f'{kind}_id']}"
                token = world["member"].token
                for _ in range(_WARM_UP):
                    _load(browser, server, token, address)
                pairs = [_load(browser, server, token, address) for _ in range(loads)]
                cold, warm = zip(*pairs, strict=True)
                yield _figure(f"{title}, first block visible, cold cache", cold)
                yield _figure(f"{title}, first block visible, warm cache", warm)


def _world(server: Server) -> World:
    """In the store that is served: a panel that is still discussed, with everybody around it."""
    live = live_site(read_site(server.data), load_plugins(PLUGINS), engine=server.engine)
    with TestSite(Live(live), server.engine, server.data) as site:
        return World(site, "assessment")


def _load(browser: Browser, server: Server, token: str, address: str) -> tuple[Seen, Seen]:
    """Cold, then warm."""
    context = browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]  # a TypedDict of two ints
    context.add_init_script(_MARK)
    page = context.new_page()
    bring_session(page, server.url, token)
    times = []
    for _ in range(2):
        page.goto(f"{server.url}/health")
        answer = page.goto(address)
        if answer is None or answer.status != 200:
            raise CannotMeasureError(f"GET {address} answers {answer and answer.status}")
        seen: dict[str, Any] = page.evaluate(_TIMES)
        times.append(Seen(seen["anything"], max(seen["banner"], seen["question"])))
    context.close()
    return times[0], times[1]


def _figure(what: str, seen: tuple[Seen, ...]) -> Figure:
    ordered = sorted(one.first_block for one in seen)
    slow = ordered[math.ceil(0.95 * len(ordered)) - 1]
    anything = median(one.anything for one in seen)
    remark = f"best {ordered[0]:.0f}, 95 % below {slow:.0f} ms; anything at all {anything:.0f} ms"
    return at_most(what, GOAL, median(ordered), "ms", remark)


_MARK = """
const parts = {".case-banner-name": "banner", "main .question": "question"}
new MutationObserver(() => {
  for (const [selector, name] of Object.entries(parts))
    document.querySelector(selector)?.setAttribute("elementtiming", name)
}).observe(document, {childList: true, subtree: true})
"""
"""Ask Chromium for the moment at which it shows these, as soon as they are parsed."""
_TIMES = """() => new Promise((resolve) => {
  const seen = {}
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) seen[one.identifier] ??= one.renderTime
    if (!("banner" in seen && "question" in seen)) return
    const [first] = performance.getEntriesByName("first-contentful-paint")
    resolve({...seen, anything: first.startTime})
  }).observe({type: "element", buffered: true})
})"""

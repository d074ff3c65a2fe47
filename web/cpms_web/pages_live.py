"""A panel's page while others work on it: a sign that something is new, and what it is."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from cpms_core import Answer, Page, route
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.http.visit import PageVisit
from cpms_core.panels.discussion.changes import newer, watch_panel
from cpms_core.panels.page.queries import read_panel
from cpms_core.panels.scope import find_panel

_PANEL = "/panels/{panel_id:uuid}"
_LONGEST: Final = timedelta(days=2)
"""A page that is older is looked at by nobody: see how long a session lasts."""


@route("GET", _PANEL + "/live", permission="case.read", event=None, rate="stream")
def live(visit: PageVisit, panel_id: UUID) -> Answer:
    """Nothing of the case is in it, and the page that opens it has recorded the reading."""
    return watch_panel(visit.session, visit.actor, panel_id, _since(visit))


@route("GET", _PANEL + "/news", permission="case.read", event=Event.CASE_READ)
def news(visit: PageVisit, panel_id: UUID) -> Answer:
    """What of the discussion is newer than a page."""
    find_panel(visit.session, visit.actor, panel_id, "case.read")
    panel = read_panel(visit.session, visit.actor, visit.site.registry, panel_id)
    since = _since(visit)
    entries = newer(panel.timeline, since)
    timeline = replace(panel.timeline, entries=tuple(one.entry for one in entries), earlier=0)
    values = {"panel": replace(panel, timeline=timeline), "news": entries}
    return Page(template="web/news.html", block="news", values=values)


def _since(visit: PageVisit) -> datetime:
    """When the page was made, as its script says: milliseconds since 1970."""
    text, now = visit.query.get("since", ""), clock.now()
    if not (text.isascii() and text.isdigit() and len(text) < 15):  # noqa: PLR2004 - until the year 5138
        return now
    return min(max(datetime.fromtimestamp(int(text) / 1000, UTC), now - _LONGEST), now)


ROUTES = (live, news)

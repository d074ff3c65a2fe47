"""What the pages of a discussion share: how much of it is shown, and the form of a contribution."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cpms_core.datasets import records
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.discussion.mentions import read_names
from cpms_core.panels.discussion.opinion import DATASET
from cpms_core.panels.discussion.opinion_typing import open_form
from cpms_core.panels.discussion.timeline import SHOWN
from cpms_core.panels.page.queries import PanelPage, read_panel

_MOST_SHOWN = 5000
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PLACE = re.compile(rf"(?:quick|(?:reply|change) {_ID})?")


def read_discussion(visit: PageVisit, panel_id: UUID) -> PanelPage:
    """As much of it as the address asks for: `show` of the newest, and the contribution `at`."""
    show, at = visit.query.get("show", ""), visit.query.get("at", "")
    is_number = show.isascii() and show.isdigit() and len(show) < len(str(_MOST_SHOWN)) + 1
    return read_panel(
        visit.session,
        visit.actor,
        visit.site.registry,
        panel_id,
        show=min(max(int(show), SHOWN), _MOST_SHOWN) if is_number else SHOWN,
        at=UUID(at) if re.fullmatch(_ID, at) else None,
    )


def composer(visit: PageVisit, panel: PanelPage) -> dict[str, Any]:
    """The form at the discussion's end as its author left it; none for who cannot contribute."""
    if not panel.is_discussed or "panel.contribute" not in panel.may:
        return {"form": None, "typed_at": None, "names": ()}
    left = open_form(visit.session, visit.actor, panel.scope)
    form = records.form_view(DATASET, left.values)
    return {"form": form, "typed_at": left.typed_at, "names": panel.timeline.names}


def form_values(
    visit: PageVisit,
    panel_id: UUID,
    values: records.Form,
    errors: Mapping[str, str] | None = None,
    typed_at: Any = None,
) -> dict[str, Any]:
    return {
        "form": records.form_view(DATASET, values, errors),
        "typed_at": typed_at,
        "names": tuple(read_names(visit.session, panel_id)),
    }


def typed_form(visit: PageVisit) -> records.Form:
    return records.raw_form(DATASET, visit.form)


def place_of(visit: PageVisit) -> str:
    """Into which form it was typed: see `opinion_typing`."""
    place = visit.field("place", max_length=60)
    if not _PLACE.fullmatch(place):
        raise InvalidError("The form is incomplete. Reload the page; what was typed is kept.")
    return place

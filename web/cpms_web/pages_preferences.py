"""What a person tells of themselves; Home asks for it until it has been told once."""

from collections.abc import Mapping

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event, record
from cpms_core.directory.areas import areas_everywhere
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity.preferences import (
    LANGUAGES,
    Preferences,
    read_preferences,
    save_preferences,
)
from cpms_web.erns import ern_names
from cpms_web.typed import in_order, typed_in

TITLES = {
    "job_title": "Job title",
    "specialty": "Specialty",
    "languages": "Languages you can discuss a case in",
    "areas": "Thematic areas of interest",
}


@route("GET", "/me/preferences", permission="site.use", event=Event.PROFILE_READ)
def show_preferences(visit: PageVisit) -> Answer:
    record(visit.session, visit.actor, Event.PROFILE_READ)
    return _form(visit, read_preferences(visit.session, visit.actor), {})


@route("POST", "/me/preferences", permission="site.use", event=Event.PREFERENCES_SAVED)
def change_preferences(visit: PageVisit) -> Answer:
    typed = typed_in(visit, ("job_title", "specialty"))
    areas = (text.partition("/") for text in visit.form.get("areas", []))
    chosen = Preferences(
        job_title=typed["job_title"],
        specialty=typed["specialty"],
        languages=tuple(dict.fromkeys(visit.form.get("languages", []))),
        areas=frozenset((ern_id, area) for ern_id, _, area in areas),
    )
    try:
        save_preferences(visit.session, visit.actor, frozenset(_offered(visit)), chosen)
    except InvalidError as error:
        return _form(visit, chosen, error.fields)
    return Redirect("/me", "Your preferences are saved.")


def _form(visit: PageVisit, chosen: Preferences, problems: Mapping[str, str]) -> Answer:
    offered = _offered(visit)
    names = ern_names(visit.session) if len({ern_id for ern_id, _ in offered}) > 1 else {}
    values = {
        "titles": TITLES,
        "typed": {"job_title": chosen.job_title, "specialty": chosen.specialty},
        "problems": in_order(problems, TITLES),
        "languages": LANGUAGES,
        "spoken": chosen.languages,
        "areas": {
            f"{ern_id}/{key}": f"{names[ern_id]}: {title}" if names else title
            for (ern_id, key), title in offered.items()
        },
        "wanted": {f"{ern_id}/{area}" for ern_id, area in chosen.areas},
    }
    status = 422 if problems else 200
    return Page(template="web/preferences.html", values=values, status=status)


def _offered(visit: PageVisit) -> dict[tuple[str, str], str]:
    """(ERN, key) → title."""
    return {
        (ern_id, area.key): area.title
        for ern_id, areas in areas_everywhere(visit.session, visit.site.registry).items()
        for area in areas
        if not area.is_retired
    }


ROUTES = (show_preferences, change_preferences)

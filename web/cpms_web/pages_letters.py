"""The letters of an outcome: to its lead before the signature; then to read and on paper."""

from uuid import UUID

import msgspec

from cpms_core import Answer, File, Page, route
from cpms_core.audit import Event
from cpms_core.http.visit import PageVisit
from cpms_core.panels.outcome.letters import TITLES, preview_letters, read_letter
from cpms_core.panels.outcome.queries import note_outcome, signed_files
from cpms_core.sandbox import run
from cpms_web.pages_outcome import PATH, version_asked

_LETTERS = PATH + "/letters"
_LETTER = _LETTERS + "/{kind:str}"


@route("GET", _LETTERS, permission="panel.steer", event=Event.LETTER_READ)
def show_letters(visit: PageVisit, panel_id: UUID) -> Answer:
    """Both, before the signature."""
    registry, name = visit.site.registry, visit.site.settings.site_name
    letters = preview_letters(visit.session, visit.actor, registry, name, panel_id)
    note_outcome(visit.session, visit.actor, panel_id, Event.LETTER_READ)
    values = {"letters": letters, "titles": TITLES, "url": f"/panels/{panel_id}/outcome"}
    return Page(template="web/letters_draft.html", values=values)


@route("GET", _LETTER, permission="outcome.read", event=Event.LETTER_READ)
def show_letter(visit: PageVisit, panel_id: UUID, kind: str) -> Answer:
    letter = read_letter(visit.session, visit.actor, panel_id, kind, version_asked(visit))
    note_outcome(visit.session, visit.actor, panel_id, Event.LETTER_READ)
    values = {"letter": letter, "title": TITLES[kind], "url": f"/panels/{panel_id}/outcome"}
    return Page(template="web/letter.html", values=values)


def _print(visit: PageVisit, panel_id: UUID, kind: str) -> tuple[str, bytes]:
    letter = read_letter(visit.session, visit.actor, panel_id, kind, version_asked(visit))
    number = signed_files(visit.session, visit.actor, panel_id).number
    written = msgspec.json.encode(letter)
    pdf = run("cpms_core.panels.outcome.letter_pdf:render_letter", written, returns=bytes)
    return f"{number}-{kind}.pdf", pdf


@route("GET", _LETTER + "/pdf", permission="outcome.read", event=Event.LETTER_READ, prepare=_print)
def show_letter_pdf(visit: PageVisit, panel_id: UUID, kind: str) -> Answer:
    del kind
    name, pdf = visit.prepared
    note_outcome(visit.session, visit.actor, panel_id, Event.LETTER_READ)
    return File(content=pdf, media_type="application/pdf", download_as=name)


ROUTES = (show_letters, show_letter, show_letter_pdf)

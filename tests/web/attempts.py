"""What the matrix sends to each address: the least that must succeed for whoever may do it.

A reviewed list. An address that changes something and is not in it fails the matrix, so that
nobody adds one without saying what a good request to it looks like.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from cpms_core.declarations import Route
from cpms_core.registry import PluginInfo
from tests.web.world import Until, World, photo

Form = Mapping[str, str | list[str]]


class Attempt(Struct, frozen=True, kw_only=True):
    until: Until = "assessment"
    """How far the consultation must have come for it."""
    form: Form | Callable[[World], Form] = {}
    options: Mapping[str, Any] = {}
    """Instead of a form: `json` or `content`."""
    query: str = ""
    status: frozenset[int] = frozenset({200, 303})
    """What somebody who may do it gets."""
    values: Mapping[str, str] = {}
    """Instead of the world's own values for the parameters of its path."""

    def form_for(self, world: World) -> Form:
        return self.form(world) if callable(self.form) else self.form


def plain(path: str) -> str:
    """A path without the types of its parameters: `/cases/{case_id}`."""
    for kind in ("uuid", "str", "int", "date", "path"):
        path = path.replace(f":{kind}}}", "}")
    return path


def name_of(owner: PluginInfo, route: Route) -> str:
    """How the tables call a route."""
    return f"{route.method} {plain(owner.mount + route.path)}"


REQUEST = {
    "question_type": "diagnosis",
    "question": "Which test next?",
    "summary": "Delay of speech.",
    "urgency": "routine",
    "_base": "1",
}
CONSENT = {
    "kind": "registry",
    "form_version": "2024",
    "language": "cs",
    "signer": "parent",
    "given_on": "2026-01-05",
    "original_at": "paper file",
}
PATIENT = {
    "given_name": "Eliška",
    "family_name": "Nováková",
    "birth_date": "2019-03-04",
    "sex": "female",
    "local_record_number": "77-12",
}
PERSON = {
    "name": "Dr New",
    "email": "new@example.org",
    "role": "professional",
    "hcp": "CZ01",
    "ern": "",
    "specialty": "",
}
_RECORD = "/cases/{case_id}/records/{dataset}"
_STUDY = "/x/dicom_viewer/cases/{case_id}"

ATTEMPTS: Mapping[str, Attempt] = {
    "POST /sign-out": Attempt(),
    "POST /centre/patients/new": Attempt(form=PATIENT),
    "POST /patients/{patient_id}/consents": Attempt(form=CONSENT),
    "POST /patients/{patient_id}/consents/{consent_id}/withdraw": Attempt(),
    "POST /patients/{patient_id}/identity": Attempt(),
    "POST /patients/{patient_id}/cases": Attempt(),
    f"POST {_RECORD}": Attempt(form=REQUEST | {"summary": "Delay of speech and of walking."}),
    f"POST {_RECORD}/draft": Attempt(form=REQUEST | {"summary": "Half a thou"}),
    f"POST {_RECORD}/discard": Attempt(),
    f"POST {_RECORD}/check": Attempt(form=REQUEST | {"_field": "question"}),
    "POST /cases/{case_id}/files": Attempt(
        options={"content": photo(), "headers": {"Content-Type": "application/octet-stream"}}
    ),
    "POST /cases/{case_id}/remove": Attempt(form=lambda world: {"attachment": str(world.photo.id)}),
    "POST /cases/{case_id}/release": Attempt(
        form=lambda world: {"attachment": str(world.photo.id)}
    ),
    "GET /terms": Attempt(query="?systems=hpo&q=tall"),
    "GET /search": Attempt(query="?q=tall"),
    "GET /x/reporting/{name}": Attempt(values={"name": "stages"}),
    "GET /x/reporting/{name}/export.csv": Attempt(values={"name": "stages"}),
    "GET /cases/{case_id}/submit": Attempt(until="draft"),
    "POST /cases/{case_id}/submit": Attempt(
        until="draft", form={"ern": "ithaca", "area": "undiagnosed"}
    ),
    "POST /plugins/{name}/enable": Attempt(values={"name": "reporting"}),
    "POST /plugins/{name}/disable": Attempt(values={"name": "reporting"}),
    "POST /me/sessions/{session_id}/end": Attempt(),
    "POST /people/invite": Attempt(form=PERSON),
    "POST /people/{person_id}/new-link": Attempt(),
    "POST /people/{person_id}/disable": Attempt(),
    "POST /people/{person_id}/enable": Attempt(),
}

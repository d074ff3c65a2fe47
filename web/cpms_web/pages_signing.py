"""Sign an outcome with the security key; print it; prove it."""

from typing import Any
from uuid import UUID

from cpms_core import Answer, Data, File, Page, route
from cpms_core.audit import Event, record
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.outcome.queries import (
    SignedFiles,
    amended_here,
    known_keys,
    note_outcome,
    signed_files,
)
from cpms_core.panels.outcome.signing import begin_signature, finish_signature
from cpms_core.panels.outcome.verify import Verification
from cpms_core.sandbox import run
from cpms_web.ceremony_json import answered, ceremony_json
from cpms_web.pages_outcome import PATH, version_asked

_MOST_FILES = 5
_RENDER = "cpms_core.panels.outcome.pdf:render_pdf"
"""Versions of one outcome that are proved together."""


@route(
    "POST",
    PATH + "/sign/begin",
    permission="outcome.sign",
    event=Event.CHALLENGED,
    rate="ceremony",
)
def begin(visit: PageVisit, panel_id: UUID) -> Answer:
    begun = begin_signature(visit.session, visit.actor, visit.site.key_policy, panel_id)
    return Data(value=ceremony_json(begun))


@route(
    "POST",
    PATH + "/sign/finish",
    permission="outcome.sign",
    event=Event.OUTCOME_SIGNED,
    rate="ceremony",
)
def finish(visit: PageVisit, panel_id: UUID) -> Answer:
    challenge_id, credential = answered(visit)
    finish_signature(
        visit.session, visit.actor, visit.site.key_policy, panel_id, challenge_id, credential
    )
    return Data(value={"redirect": f"/panels/{panel_id}/outcome"})


def _print(visit: PageVisit, panel_id: UUID) -> tuple[str, bytes]:
    files = signed_files(visit.session, visit.actor, panel_id, version_asked(visit))
    name = f"{files.number}{'-superseded' if files.amended else ''}.pdf"
    return name, _printed(files)


@route("GET", PATH + "/pdf", permission="outcome.read", event=Event.OUTCOME_READ, prepare=_print)
def show_pdf(visit: PageVisit, panel_id: UUID) -> Answer:
    name, pdf = visit.prepared
    note_outcome(visit.session, visit.actor, panel_id, Event.OUTCOME_READ)
    return File(content=pdf, media_type="application/pdf", download_as=name)


def _prove(visit: PageVisit, panel_id: UUID) -> Verification:
    """The stored bytes as anybody would prove them: the printed file, and the keys of this site."""
    files = signed_files(visit.session, visit.actor, panel_id, version_asked(visit))
    return run(
        "cpms_core.panels.outcome.verify:verify_file",
        *(_printed(files), known_keys(visit.session), visit.site.origin, None, files.earlier),
        returns=Verification,
    )


def _printed(files: SignedFiles) -> bytes:
    """In the sandbox: the printer would add 60 MB to every worker that has printed once."""
    mark = files.amended.mark if files.amended else ""
    return run(_RENDER, files.outcome, files.signature, mark, returns=bytes)


@route(
    "GET",
    PATH + "/verify",
    permission="outcome.read",
    event=Event.OUTCOME_VERIFIED,
    prepare=_prove,
)
def show_verification(visit: PageVisit, panel_id: UUID) -> Answer:
    note_outcome(visit.session, visit.actor, panel_id, Event.OUTCOME_VERIFIED)
    values: dict[str, Any] = {
        "proof": visit.prepared,
        "amended": None,
        "panel_id": panel_id,
        "name": "",
    }
    return Page(template="web/verification.html", values=values)


@route("GET", "/verify", permission="site.work", event=None)
def show_verify(visit: PageVisit) -> Answer:  # noqa: ARG001 - every handler gets a visit
    return Page(template="web/verify.html")


def _prove_upload(visit: PageVisit) -> Verification:
    if not 1 <= len(visit.uploads) <= _MOST_FILES:
        raise InvalidError(
            f"Choose the PDF of an outcome, and with it at most {_MOST_FILES - 1} that it amends."
        )
    keys = known_keys(visit.session)
    asked, *earlier = [upload.path for upload in visit.uploads]
    return run(
        "cpms_core.panels.outcome.verify:verify_file",
        *(asked, keys, visit.site.origin, None, [str(path) for path in earlier]),
        returns=Verification,
        read=earlier,
    )


@route(
    "POST",
    "/verify",
    permission="site.work",
    event=Event.OUTCOME_VERIFIED,
    rate="upload",
    prepare=_prove_upload,
)
def verify(visit: PageVisit) -> Answer:
    """Any outcome's file, also of another site."""
    proof = visit.prepared
    record(visit.session, visit.actor, Event.OUTCOME_VERIFIED, ok=proof.ok)
    values: dict[str, Any] = {
        "proof": proof,
        "amended": amended_here(visit.session, proof.outcome_sha256) if proof.ok else None,
        "panel_id": None,
        "name": visit.uploads[0].name[:200],
    }
    return Page(template="web/verification.html", values=values)


ROUTES = (begin, finish, show_pdf, show_verification, show_verify, verify)

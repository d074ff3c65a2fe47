"""Endorse, approve, refuse a request for access, or ask something back: what others do.

Nobody's word is taken for who somebody is: the person's page shows a short code, and whoever
endorses or approves types it in, having heard it from the person by telephone.
"""

import hmac
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import ensure
from cpms_core.actor import Actor
from cpms_core.audit import AuditEvent, Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, ForbiddenError, InvalidError
from cpms_core.identity.access_requests import (
    close_request,
    ensure_fresh,
    find_request,
    missing_grants,
    moved,
    note,
    plain_text,
    subject_of,
)
from cpms_core.identity.managing import add_grant
from cpms_core.identity.models import AccessRequest
from cpms_core.identity.tokens import CODE_ALPHABET, CODE_LENGTH
from cpms_core.keys import SiteKey

_MAX_WRONG_CODES: Final = 5
_TOO_MANY_CODES = (
    "Five wrong codes were entered, so this request is ended and nothing was granted. "
    "If it was a misunderstanding, ask again: the new request has a new code."
)


def endorse_request(
    session: Session, actor: Actor, key: SiteKey, request_id: UUID, seen: int, code: str
) -> None:
    """The centre manager knows the person, and has heard the code from them."""
    request = _decided_by_others(session, actor, request_id, "access.endorse", seen)
    if request.endorsed_at is not None:
        raise ConflictError("This request is endorsed already.")
    _ensure_code(session, actor, key, request, code)
    request.endorsed_by, request.endorsed_at = actor.user_id, clock.now()
    moved(request)
    note(session, actor, request, Event.ACCESS_ENDORSED, code=True)


def approve_request(
    session: Session, actor: Actor, key: SiteKey, request_id: UUID, seen: int, code: str
) -> None:
    """Grant what was asked for, at once. An endorsement has proved the code already."""
    request = _decided_by_others(session, actor, request_id, "access.decide", seen)
    if request.user.disabled_at is not None:
        raise InvalidError("This person's account is disabled, so nothing can be granted.")
    is_proved = request.endorsed_at is not None
    if not is_proved:
        _ensure_code(session, actor, key, request, code)
    for grant in missing_grants(session, request):
        add_grant(session, actor.user_id, request.user, grant)
        audit.record(
            session,
            actor,
            Event.ROLE_GRANTED,
            subject_id=request.user_id,
            hcp_id=grant.hcp_id,
            ern_id=grant.ern_id,
            role=grant.role,
        )
    if request.user.hcp_id is None:
        request.user.hcp_id = request.hcp_id
    close_request(request, actor, "approved")
    note(session, actor, request, Event.ACCESS_APPROVED, code=not is_proved)


def refuse_request(
    session: Session, actor: Actor, request_id: UUID, seen: int, reason: str
) -> None:
    request = _decided_by_others(session, actor, request_id, "access.decide", seen)
    reason = plain_text(reason, "message", needed="Say why; the person reads it.")
    close_request(request, actor, "refused", reason)
    note(session, actor, request, Event.ACCESS_REFUSED)


def ask_back(session: Session, actor: Actor, request_id: UUID, seen: int, question: str) -> None:
    """The request waits for the person's answer."""
    request = _decided_by_others(session, actor, request_id, "access.decide", seen)
    request.message = plain_text(question, "message", needed="Write what you want to know.")
    request.state, request.decided_by = "asked", actor.user_id
    moved(request)
    note(session, actor, request, Event.ACCESS_ASKED_BACK)


def code_of(key: SiteKey, request_id: UUID) -> str:
    """The request's code, `XXXX-XXXX`. It is nowhere stored: the site key makes it anew."""
    digest = hmac.digest(key.derive("access request code"), request_id.bytes, "sha256")
    number = int.from_bytes(digest)
    letters = ""
    for _ in range(CODE_LENGTH):
        number, place = divmod(number, len(CODE_ALPHABET))
        letters += CODE_ALPHABET[place]
    return f"{letters[:4]}-{letters[4:]}"


def _decided_by_others(
    session: Session, actor: Actor, request_id: UUID, permission: str, seen: int
) -> AccessRequest:
    request = find_request(session, actor, request_id, to_change=True)
    ensure(actor, permission, subject_of(request))
    if request.user_id == actor.user_id:
        raise ForbiddenError("Nobody decides about the own request. Somebody else does.")
    ensure_fresh(session, request, seen, ("submitted",))
    return request


def _ensure_code(
    session: Session, actor: Actor, key: SiteKey, request: AccessRequest, code: str
) -> None:
    """The fifth wrong code ends the request; they are counted in the audit."""
    typed = "".join(code.upper().replace("-", "").split())
    if not typed:
        raise InvalidError("The code is missing.", {"code": "Enter the code the person told you."})
    right = code_of(key, request.id).replace("-", "")
    if hmac.compare_digest(typed.encode("utf-8", "surrogatepass"), right.encode()):
        return
    note(session, actor, request, Event.ACCESS_CODE_WRONG)
    wrong = session.scalar(
        select(func.count())
        .select_from(AuditEvent)
        .where(AuditEvent.tag == Event.ACCESS_CODE_WRONG, AuditEvent.subject_id == request.id)
    )
    error: InvalidError | ConflictError
    if (wrong or 0) < _MAX_WRONG_CODES:
        told = "This is not the person's code. Ask again; after five wrong ones the request ends."
        error = InvalidError("The code is wrong.", {"code": told})
    else:
        close_request(request, None, "refused", _TOO_MANY_CODES)
        note(session, actor, request, Event.ACCESS_REFUSED)
        error = ConflictError(_TOO_MANY_CODES)
    error.keeps_changes = True
    raise error

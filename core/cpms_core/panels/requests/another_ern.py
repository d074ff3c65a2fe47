"""Another ERN for a case: forward the request there, or ask it to join.

It has a request of its own, with a clock of its own. Joining stands in `sharing.py`.
"""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern
from cpms_core.directory.networks import askable_networks, ensure_running
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.panels.guards import with_a_reason
from cpms_core.panels.models import ConsultationRequest
from cpms_core.panels.moves import take
from cpms_core.panels.requests.quick import open_at_once, opens_at_once
from cpms_core.panels.requests.sharing import may_ask
from cpms_core.panels.requests.submission import Reader, put_to_ern, who_will_see
from cpms_core.panels.scope import RequestScope, find_request
from cpms_core.patients.consent_rules import covers
from cpms_core.registry import Registry

_HAS_IT = {
    "declined": "has declined this case",
    "forwarded": "has forwarded this case",
    "withdrawn": "",
}
"""By the state of its newest request. In every other state the case lies with it."""


class Choice(Struct, frozen=True, kw_only=True):
    """An ERN to bring in, and why that cannot be."""

    id: str
    name: str
    problem: str


class Preview(Struct, frozen=True, kw_only=True):
    """Who will see question and summary there; and who here no longer does, once forwarded."""

    id: str
    name: str
    will_see: tuple[Reader, ...]
    no_longer: tuple[Reader, ...]
    is_quick: bool
    """Whether it would be open to the experts there without a triage."""


class Source(Struct, frozen=True, kw_only=True):
    """The ERN that forwarded a request, or that asks this one to join."""

    ern: str
    is_forwarded: bool
    reason: str


def choices(session: Session, registry: Registry, scope: RequestScope) -> tuple[Choice, ...]:
    """The other ERNs on this site."""
    known = _states(session, scope)
    consents = scope.case.patient.consents
    found = []
    for key, name in askable_networks(session, registry):
        problem = _HAS_IT.get(known[key], "has this case already") if key in known else ""
        if not covers(consents, "text", key):
            problem = "is not among those that the patient's consent for care names"
        if key != scope.request.ern_id:
            found.append(Choice(id=key, name=name, problem=problem))
    return tuple(found)


def preview(session: Session, scope: RequestScope, chosen: Choice) -> Preview:
    will_see = who_will_see(session, chosen.id)
    names = {one.name for one in will_see}
    here = who_will_see(session, scope.request.ern_id)
    return Preview(
        id=chosen.id,
        name=chosen.name,
        will_see=will_see,
        no_longer=tuple(one for one in here if one.name not in names),
        is_quick=opens_at_once(session, chosen.id, scope.request.submitted_by),
    )


def about_source(session: Session, scope: RequestScope) -> Source | None:
    """From which ERN this request came, if it came from one."""
    request = scope.request
    source = session.get(ConsultationRequest, request.forwarded_from or request.id)
    if source is None or source is request:
        return None
    is_forwarded = source.state == "forwarded"
    return Source(
        ern=session.get_one(Ern, source.ern_id).name,
        is_forwarded=is_forwarded,
        reason=source.reason if is_forwarded else request.reason,
    )


def forward_request(
    session: Session,
    actor: Actor,
    registry: Registry,
    request_id: UUID,
    ern_id: str,
    reason: str,
    seen: int,
) -> ConsultationRequest:
    """A new request there with the same question; this ERN no longer sees the case.

    A network of the quick workflow opens it at once, as if it had been sent there.
    """
    scope = find_request(session, actor, request_id, "request.triage")
    _ensure_possible(session, registry, scope, ern_id)
    take(session, actor, scope, "forward", seen=seen, said=reason.strip())
    request = _ask(session, actor, scope, ern_id)
    open_at_once(session, actor, registry, request)
    return request


def ask_another_ern(
    session: Session, actor: Actor, registry: Registry, request_id: UUID, ern_id: str, reason: str
) -> ConsultationRequest:
    """A new request there, whose triage may join the panel of this one; both ERNs see the case."""
    scope = find_request(session, actor, request_id, "request.triage")
    reason = reason.strip()
    with_a_reason(session, scope, reason)
    if not may_ask(session, scope):
        raise ConflictError(
            "This request waits for nobody here any more, so no other ERN was asked to join."
        )
    _ensure_possible(session, registry, scope, ern_id)
    audit.record(
        session,
        actor,
        Event.ANOTHER_ERN_ASKED,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        ern_id=scope.request.ern_id,
        subject_id=scope.request.id,
        to=ern_id,
    )
    return _ask(session, actor, scope, ern_id, reason)


def _ask(
    session: Session, actor: Actor, scope: RequestScope, ern_id: str, reason: str = ""
) -> ConsultationRequest:
    """The same words there; its clock begins now."""
    asked, case = scope.request, scope.case
    request = ConsultationRequest(
        case_id=case.id,
        ern_id=ern_id,
        question=asked.question,
        urgency=asked.urgency,
        reason=reason,
        submitted_by=asked.submitted_by,
        forwarded_from=asked.id,
    )
    put_to_ern(session, actor, case, request, came_from=asked.ern_id)
    return request


def _ensure_possible(
    session: Session, registry: Registry, scope: RequestScope, ern_id: str
) -> None:
    # Two who do this at once must not make two requests.
    session.execute(select(Case.id).where(Case.id == scope.case.id).with_for_update())
    ern = session.get(Ern, ern_id)
    if ern is not None:
        ensure_running(ern)
    chosen = next((one for one in choices(session, registry, scope) if one.id == ern_id), None)
    if chosen is None:
        raise InvalidError("Choose the other ERN.", {"ern": "Choose one of the list."})
    if chosen.problem:
        wrong = f"{chosen.name} {chosen.problem}."
        raise InvalidError(f"{wrong} Nothing was changed.", {"ern": wrong})


def _states(session: Session, scope: RequestScope) -> dict[str, str]:
    """Of the newest request to every ERN that has, or had, this case."""
    rows = session.execute(
        select(ConsultationRequest.ern_id, ConsultationRequest.state)
        .where(ConsultationRequest.case_id == scope.case.id)
        .order_by(ConsultationRequest.submitted_at, ConsultationRequest.id)
    )
    return {row.ern_id: row.state for row in rows}

"""Put a case's question to an ERN: what is missing, who will see it, and the sending itself."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import ROLE_TITLES, Actor, Role
from cpms_core.audit import Event
from cpms_core.cases.models import Case, Record
from cpms_core.cases.records import newest
from cpms_core.cases.scope import beyond_consent, end_share, find_case, share_with_ern
from cpms_core.clock import clock
from cpms_core.directory.areas import offered_areas
from cpms_core.directory.models import Country, Ern, Hcp
from cpms_core.directory.networks import ensure_running
from cpms_core.errors import ConflictError, ConsentMissingError, InvalidError
from cpms_core.identity.models import RoleGrant, User
from cpms_core.panels.clock.renewal import renew_request
from cpms_core.panels.models import ConsultationRequest
from cpms_core.panels.requests import request_form
from cpms_core.panels.requests.quick import open_at_once
from cpms_core.panels.scope import change
from cpms_core.patients.consent_rules import has_consent
from cpms_core.registry import Registry


class Missing(Struct, frozen=True):
    """Something that stands between a case and its submission."""

    key: str
    """`consent`, or the dataset's key."""
    words: str


class Reader(Struct, frozen=True, kw_only=True):
    name: str
    role: str
    centre: str
    country: str


class Preview(Struct, frozen=True, kw_only=True):
    """What sending would do: who sees what."""

    ern_id: str
    ern_name: str
    readers: tuple[Reader, ...]
    missing: tuple[Missing, ...]


def submit_request(
    session: Session,
    actor: Actor,
    registry: Registry,
    case_id: UUID,
    ern_id: str,
    area: str = "",
) -> ConsultationRequest:
    """Send it, or send it again after it was returned; an error lists all that is missing.

    `area` is a key of the areas the ERN offers; empty stands for "I do not know".
    """
    scope = find_case(session, actor, case_id, "case.submit")
    ern = _find_ern(session, ern_id)
    _check_area(session, registry, ern_id, area)
    case = scope.case
    # Two sendings at once must not make two requests.
    session.execute(select(Case.id).where(Case.id == case.id).with_for_update())
    if case.withdrawn_at or case.closed_at:
        raise ConflictError("This case is closed or withdrawn, so it cannot be sent any more.")
    refuse_missing(ern, missing_parts(session, registry, case, ern_id))
    record = newest(session, case.id, request_form.KEY)
    assert record is not None  # missing_parts has looked
    earlier = session.scalar(
        select(ConsultationRequest)
        .where(ConsultationRequest.case_id == case.id, ConsultationRequest.ern_id == ern_id)
        .order_by(ConsultationRequest.submitted_at.desc())
        .limit(1)
    )
    request = _renewed(session, actor, earlier, record, ern, area) or ConsultationRequest(
        case_id=case.id,
        ern_id=ern_id,
        area=area,
        question=record.data["question"],
        urgency=record.data.get("urgency", "routine"),
        submitted_by=actor.user_id,
    )
    put_to_ern(session, actor, case, request)
    open_at_once(session, actor, registry, request)
    return request


def put_to_ern(
    session: Session,
    actor: Actor,
    case: Case,
    request: ConsultationRequest,
    came_from: str | None = None,
) -> None:
    """From now on the ERN sees question and summary, and its clock runs. The caller asked who may.

    `came_from` is the ERN that brought it there.
    """
    session.add(request)
    renew_request(session, request)
    end_share(session, case.id, ern_id=request.ern_id)
    share_with_ern(session, case.id, request.ern_id)
    audit.record(
        session,
        actor,
        Event.REQUEST_SUBMITTED,
        case_id=case.id,
        hcp_id=case.hcp_id,
        ern_id=request.ern_id,
        subject_id=request.id,
        urgency=request.urgency,
        came_from=came_from,
    )


def preview_submission(
    session: Session, actor: Actor, registry: Registry, case_id: UUID, ern_id: str
) -> Preview:
    """Who will see the case once it is sent to this ERN, and what is still missing for it."""
    scope = find_case(session, actor, case_id, "case.submit")
    ern = _find_ern(session, ern_id)
    return Preview(
        ern_id=ern_id,
        ern_name=ern.name,
        readers=who_will_see(session, ern_id),
        missing=missing_parts(session, registry, scope.case, ern_id),
    )


def who_will_see(session: Session, ern_id: str) -> tuple[Reader, ...]:
    """The people who receive this ERN's requests; experts follow one by one, by invitation."""
    rows = session.execute(
        select(User.name, RoleGrant.role, Hcp.name, Country.name)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .outerjoin(Country, Country.id == Hcp.country_id)
        .where(
            RoleGrant.ern_id == ern_id,
            RoleGrant.role.in_((Role.COORDINATOR, Role.DISPATCHER)),
            RoleGrant.revoked_at.is_(None),
            User.disabled_at.is_(None),
        )
        .order_by(RoleGrant.role, User.name)
    )
    return tuple(
        Reader(
            name=name,
            role=ROLE_TITLES[Role(role)],
            centre=centre or "",
            country=country or "",
        )
        for name, role, centre, country in rows
    )


def missing_parts(
    session: Session, registry: Registry, case: Case, ern_id: str
) -> tuple[Missing, ...]:
    """Everything that is not there yet, one sentence each."""
    missing = []
    if not has_consent(case.patient.consents, "care"):
        missing.append(Missing("consent", "Record the patient's consent for care."))
    if beyond := beyond_consent(session, case, ern_id):
        missing.append(Missing("consent", beyond))
    saved = set(session.scalars(select(Record.dataset).where(Record.case_id == case.id).distinct()))
    if request_form.KEY not in saved:
        missing.append(Missing(request_form.KEY, "Write and save the question and the summary."))
    for key in registry.required_for(ern_id):
        if key not in saved and key != request_form.KEY:
            title = registry.datasets[key].dataset.title
            missing.append(Missing(key, f"Fill in and save “{title}”."))
    return tuple(missing)


def refuse_missing(ern: Ern, missing: tuple[Missing, ...]) -> None:
    if not missing:
        return
    message = (
        f"The case was not sent to {ern.name} yet. Everything entered is kept. Still needed: "
        + " ".join(one.words for one in missing)
    )
    if any(one.key == "consent" for one in missing):
        raise ConsentMissingError(message)
    raise InvalidError(message, {one.key: one.words for one in missing})


def _find_ern(session: Session, ern_id: str) -> Ern:
    ern = session.get(Ern, ern_id)
    if ern is None:
        raise InvalidError("Choose the ERN to ask.", {"ern": "Choose one of the list."})
    ensure_running(ern)
    return ern


def _check_area(session: Session, registry: Registry, ern_id: str, area: str) -> None:
    offered = {one.key for one in offered_areas(session, registry, ern_id)}
    if area and area not in offered:
        raise InvalidError(
            "This ERN has no such thematic area.",
            {"area": "Choose one of the list, or say that you do not know."},
        )


def _renewed(
    session: Session,
    actor: Actor,
    earlier: ConsultationRequest | None,
    record: Record,
    ern: Ern,
    area: str,
) -> ConsultationRequest | None:
    """The returned request, sent again: its clock goes on where it was stopped."""
    if earlier is None or earlier.state == "withdrawn":
        return None
    if earlier.state == "declined":
        raise ConflictError(
            f"{ern.name} has declined this case, and that is final there. Send it to another ERN."
        )
    if earlier.state == "forwarded":
        raise ConflictError(
            f"{ern.name} has forwarded this case to another ERN, and that is final there. "
            "Send it to another one."
        )
    if earlier.state != "returned":
        raise ConflictError(f"This case is with {ern.name} already; it does not need to be sent.")
    now = clock.now()
    pause = int((now - (earlier.decided_at or now)).total_seconds())
    change(
        session,
        earlier,
        earlier.row_version,
        state="submitted",
        area=area,
        question=record.data["question"],
        urgency=record.data.get("urgency", "routine"),
        submitted_by=actor.user_id,
        paused_seconds=earlier.paused_seconds + pause,
        decided_by=None,
        decided_at=None,
    )
    return earlier

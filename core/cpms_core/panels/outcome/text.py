"""Put an outcome's document together from the store: what the members judge and the lead signs."""

from collections import defaultdict
from uuid import UUID

import msgspec
from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.actor import Actor
from cpms_core.audit import AuditEvent, Event
from cpms_core.cases.covered import fields_uncovered, files_uncovered, records_uncovered
from cpms_core.cases.models import Attachment, Case, Record
from cpms_core.cases.records import newest
from cpms_core.clock import clock
from cpms_core.datasets.extracts import holds
from cpms_core.directory.models import Country, Hcp
from cpms_core.identity.models import SecurityKey, User
from cpms_core.panels.models import Contribution, Outcome, PanelMember, Position
from cpms_core.panels.outcome.document import (
    ConsentState,
    Member,
    OutcomeDocument,
    Reviewed,
    Signer,
    SigningKey,
    Stage,
    Submitter,
    count_agreement,
)
from cpms_core.panels.outcome.draft import OutcomeDraft
from cpms_core.panels.outcome.signature import signing_key
from cpms_core.panels.outcome.versions import newest_signed
from cpms_core.panels.scope import PanelScope, is_in_time, named_networks
from cpms_core.panels.stages import title
from cpms_core.patients.service import CONSENT_KINDS
from cpms_core.registry import Registry

_ANSWERS = {"agree": "agree", "remark": "remark", "disagree": "disagree"}


def judged_document(
    session: Session,
    registry: Registry,
    scope: PanelScope,
    outcome: Outcome,
    opinion: OutcomeDraft,
    site_name: str,
) -> OutcomeDocument:
    """The text as the members are asked about it: complete, with no position yet."""
    request, panel, patient = scope.request, scope.panel, scope.case.patient
    amended = newest_signed(session, panel.id)
    name, centre, country = _whereabouts(session, request.submitted_by)
    members = members_of(session, outcome)
    age = words.age(patient.birth_year, patient.birth_month)
    who = words.person(patient.sex, patient.birth_year, patient.birth_month)
    return OutcomeDocument(
        site=site_name,
        version=outcome.version,
        previous_sha256=amended.sha256 if amended else None,
        amends_because=outcome.reason,
        case_number=str(scope.case.id),
        panel_number=panel.number,
        ern=named_networks(session, panel.id),
        pseudonym=patient.pseudonym,
        sex=who.removesuffix(f", {age}"),
        age=age,
        urgency=request.urgency,
        stages=_stages(session, scope),
        submitter=Submitter(name=name, centre=centre, country=country),
        question=request.question,
        reviewed=(*_records(session, registry, scope.case), *_files(session, registry, scope.case)),
        members=members,
        opinion=opinion,
        agreement=count_agreement(opinion, members),
        consents=_consents(scope.case),
        signer=_signer(session, panel.lead_id, ()),
        frozen_at=clock.now(),
    )


def final_document(
    session: Session, actor: Actor, outcome: Outcome, judged: OutcomeDocument
) -> OutcomeDocument:
    """The judged text word for word, with the positions taken and the keys that may sign it."""
    members = members_of(session, outcome)
    return msgspec.structs.replace(
        judged,
        members=members,
        agreement=count_agreement(judged.opinion, members),
        signer=_signer(session, actor.user_id, _keys(session, actor.user_id)),
        frozen_at=clock.now(),
    )


def members_of(session: Session, outcome: Outcome) -> tuple[Member, ...]:
    """Everybody who accepted, in the order of invitation, with their positions on this version.

    A guest whose time has ended is one of them only with a position given before.
    """
    has_judged = exists().where(
        Position.outcome_id == outcome.id, Position.user_id == PanelMember.user_id
    )
    rows = session.execute(
        select(PanelMember.user_id, PanelMember.role, User.name, Hcp.name, Country.name)
        .join(User, User.id == PanelMember.user_id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .outerjoin(Country, Country.id == Hcp.country_id)
        .where(
            PanelMember.panel_id == outcome.panel_id,
            PanelMember.state == "accepted",
            or_(is_in_time(), has_judged),
        )
        .order_by(PanelMember.invited_at, PanelMember.id)
    ).all()
    authors = set(
        session.scalars(
            select(Contribution.author_id).where(Contribution.panel_id == outcome.panel_id)
        )
    )
    positions = {
        row.user_id: row
        for row in session.scalars(select(Position).where(Position.outcome_id == outcome.id))
    }
    return tuple(
        _member(name, centre, country, role, user_id in authors, positions.get(user_id))
        for user_id, role, name, centre, country in rows
    )


def _member(
    name: str,
    centre: str | None,
    country: str | None,
    role: str,
    contributed: bool,
    position: Position | None,
) -> Member:
    values = {
        "name": name,
        "centre": centre or "",
        "country": country or "",
        "role": role,
        "contributed": contributed,
        # The lead agrees by signing.
        "position": "agree" if role == "lead" else "not answered",
    }
    if position is not None and role != "lead":
        values["position"] = _ANSWERS[position.verdict]
        values["remark"] = position.remark
        values["on"] = tuple(position.about)
    return msgspec.convert(values, Member)


def _stages(session: Session, scope: PanelScope) -> tuple[Stage, ...]:
    """From the audit, where every step stands with its time."""
    moves = session.execute(
        select(AuditEvent.at, AuditEvent.detail)
        .where(
            AuditEvent.case_id == scope.case.id,
            AuditEvent.tag == str(Event.STAGE_CHANGED),
            AuditEvent.subject_id == scope.panel.id,
        )
        .order_by(AuditEvent.at, AuditEvent.id)
    )
    return (
        Stage(name="Submitted", at=scope.request.submitted_at),
        Stage(name="Panel selection", at=scope.panel.triaged_at),
        *(Stage(name=title(detail["to"]), at=at) for at, detail in moves),
    )


def _records(session: Session, registry: Registry, case: Case) -> list[Reviewed]:
    rows = session.execute(
        select(Record.dataset, Record.revision, Record.saved_at)
        .where(Record.case_id == case.id)
        .order_by(Record.dataset, Record.revision)
    )
    found = {dataset: (revision, saved_at) for dataset, revision, saved_at in rows}
    hidden = records_uncovered(registry, case, found)
    return [
        Reviewed(
            what=f"{_dataset_title(registry, key)}, version {revision}"
            + _left_out(session, registry, case, key),
            on=saved_at.date(),
        )
        for key, (revision, saved_at) in found.items()
        if key not in hidden
    ]


def _left_out(session: Session, registry: Registry, case: Case, key: str) -> str:
    locked = fields_uncovered(registry, case, key)
    row = newest(session, case.id, key) if locked else None
    left = dict.fromkeys(locked[path] for path in locked if row and holds(row.data, path))
    return "".join(f", without what is of the class “{title.lower()}”" for title in left)


def _dataset_title(registry: Registry, key: str) -> str:
    entry = registry.datasets.get(key)
    return entry.dataset.title if entry else key


def _files(session: Session, registry: Registry, case: Case) -> list[Reviewed]:
    """What the panel could see: nothing held back, nothing that the consent does not cover."""
    groups: dict[str, list[Attachment]] = defaultdict(list)
    rows = session.scalars(
        select(Attachment)
        .where(
            Attachment.case_id == case.id, Attachment.removed_at.is_(None), Attachment.held == ""
        )
        .order_by(Attachment.added_at, Attachment.id)
    ).all()
    hidden = files_uncovered(session, registry, case, rows)
    for row in rows:
        if row.id not in hidden:
            groups[row.group or str(row.id)].append(row)
    return [_file(files) for files in groups.values()]


def _file(files: list[Attachment]) -> Reviewed:
    first = files[0]
    if len(files) == 1:
        return Reviewed(what=first.name, on=first.added_at.date(), sha256=first.sha256)
    return Reviewed(
        what=f"{first.name}, {words.plural(len(files), 'file')}", on=first.added_at.date()
    )


def _consents(case: Case) -> tuple[ConsentState, ...]:
    states = []
    for kind in CONSENT_KINDS:
        given = [one for one in case.patient.consents if one.kind == kind]
        living = next((one for one in given if one.withdrawn_at is None), None)
        if living is not None:
            states.append(ConsentState(kind=kind, state="given", on=living.given_on))
        elif given and given[-1].withdrawn_at:
            at = given[-1].withdrawn_at
            states.append(ConsentState(kind=kind, state="withdrawn", on=at.date()))
        else:
            states.append(ConsentState(kind=kind, state="not given"))
    return tuple(states)


def _signer(session: Session, user_id: UUID, keys: tuple[SigningKey, ...]) -> Signer:
    name, centre, country = _whereabouts(session, user_id)
    return Signer(name=name, role="panel lead", centre=centre, country=country, keys=keys)


def _keys(session: Session, user_id: UUID) -> tuple[SigningKey, ...]:
    rows = session.scalars(
        select(SecurityKey)
        .where(SecurityKey.user_id == user_id, SecurityKey.revoked_at.is_(None))
        .order_by(SecurityKey.created_at, SecurityKey.id)
    )
    return tuple(
        signing_key(credential_id=row.credential_id, public_key=row.public_key, aaguid=row.aaguid)
        for row in rows
    )


def _whereabouts(session: Session, user_id: UUID) -> tuple[str, str, str]:
    name, centre, country = session.execute(
        select(User.name, Hcp.name, Country.name)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .outerjoin(Country, Country.id == Hcp.country_id)
        .where(User.id == user_id)
    ).one()
    return name, centre or "", country or ""

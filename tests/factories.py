"""Rows for tests, with everything optional."""

import itertools
import secrets
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Grant, Role
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.directory.models import Hcp
from cpms_core.identity.models import ApiToken, FederatedIdentity, RoleGrant, SecurityKey, User
from cpms_core.identity.sessions import start_session
from cpms_core.identity.tokens import new_token, token_digest
from cpms_core.patients.models import Consent, Patient

_numbers = itertools.count(1)


def hcp_id(session: Session, code: str) -> UUID:
    return session.scalars(select(Hcp.id).where(Hcp.code == code)).one()


def make_user(
    session: Session,
    *,
    role: Role | None = Role.PROFESSIONAL,
    hcp: str | None = "FR10",
    ern: str | None = None,
    name: str = "",
    **values: Any,
) -> User:
    """A person with a role at a centre or in an ERN (`ithaca` for ERN roles)."""
    number = next(_numbers)
    centre = hcp_id(session, hcp) if hcp else None
    user = User(
        email=values.pop("email", f"person{number}@example.org"),
        name=name or f"Person {number}",
        hcp_id=centre,
        **values,
    )
    session.add(user)
    session.flush()
    if role is not None:
        give_role(session, user, role, hcp=hcp, ern=ern)
    return user


def give_role(
    session: Session, user: User, role: Role, *, hcp: str | None = None, ern: str | None = None
) -> None:
    """The role, and for coordinators and dispatchers the base profile they also hold."""
    centre = hcp_id(session, hcp) if hcp else None
    is_ern = role in {Role.DISPATCHER, Role.COORDINATOR, Role.RESEARCHER}
    grants = [Grant(role, None if is_ern or role is Role.SYSTEM_ADMIN else centre)]
    if is_ern:
        grants = [Grant(role, None, ern or "ithaca")]
        if role is not Role.RESEARCHER:
            grants.append(Grant(Role.PROFESSIONAL, centre))
    for grant in grants:
        session.add(
            RoleGrant(user_id=user.id, role=grant.role, hcp_id=grant.hcp_id, ern_id=grant.ern_id)
        )
    session.flush()


def make_key(session: Session, user: User, **values: Any) -> SecurityKey:
    """A row as enrolment leaves it; nothing can sign with it (see tests/softkey.py for that)."""
    values = {
        "credential_id": secrets.token_bytes(32),
        "public_key": b"",
        "sign_count": 0,
        "aaguid": "00000000-0000-0000-0000-000000000000",
        "format": "none",
        "attestation": b"",
        "label": "Security key 1",
        **values,
    }
    key = SecurityKey(user_id=user.id, **values)
    session.add(key)
    session.flush()
    return key


def make_linked(session: Session, user: User, **values: Any) -> FederatedIdentity:
    """An account at a sign-in provider that this person has linked."""
    values = {"issuer": "https://login.example", "subject": f"{user.id}", **values}
    identity = FederatedIdentity(user_id=user.id, **values)
    session.add(identity)
    session.flush()
    return identity


def make_session(session: Session, user: User, client: str = "test") -> str:
    """Sign this person in without a ceremony; the cookie's token."""
    token = new_token()
    start_session(session, user, make_key(session, user), token, client)
    return token


def make_api_token(
    session: Session, user_id: UUID, *scopes: str, **values: Any
) -> tuple[UUID, str]:
    """A machine's token for these scopes: its id, and its text."""
    text = f"cpms_{new_token()}"
    values = {"name": "Night export", "expires_at": clock.now() + timedelta(days=90), **values}
    digest = token_digest(text)
    row = ApiToken(user_id=user_id, token_hash=digest, scopes=list(scopes), **values)
    session.add(row)
    session.flush()
    return row.id, text


def make_patient(
    session: Session,
    actor: Actor,
    *,
    hcp: str = "FR10",
    consents: tuple[str, ...] = ("care",),
    **values: Any,
) -> Patient:
    """A patient without an identity in the vault, with these consents recorded."""
    number = next(_numbers)
    values = {"sex": "female", "birth_year": 2020, "birth_month": 5, **values}
    patient = Patient(
        hcp_id=hcp_id(session, hcp),
        pseudonym=values.pop("pseudonym", f"Wren-{1000 + number}"),
        created_by=actor.user_id,
        **values,
    )
    session.add(patient)
    session.flush()
    for kind in consents:
        session.add(
            Consent(
                patient=patient,
                kind=kind,
                form_version="2024",
                language="fr",
                signer="parent",
                given_on=date(2026, 1, 1),
                original_at="paper file",
                recorded_by=actor.user_id,
            )
        )
    session.flush()
    return patient


def make_case(
    session: Session, actor: Actor, patient: Patient | None = None, **values: Any
) -> Case:
    """A draft case of this patient, or of a new one."""
    patient = patient or make_patient(session, actor, **values)
    case = Case(patient=patient, hcp_id=patient.hcp_id, created_by=actor.user_id)
    session.add(case)
    session.flush()
    return case

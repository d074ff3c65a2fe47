"""Tables of people and how they sign in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cpms_core.clock import clock
from cpms_core.db import Base, new_id


class User(Base):
    __tablename__ = "user_account"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(unique=True)
    """Normalised: NFKC, case folded."""
    name: Mapped[str]
    specialty: Mapped[str] = mapped_column(default="")
    hcp_id: Mapped[UUID | None] = mapped_column(ForeignKey("hcp.id"))
    """Where this person works."""
    job_title: Mapped[str] = mapped_column(default="")
    languages: Mapped[list[str]] = mapped_column(default=list)
    """What the person can discuss a case in: ISO 639-1 codes."""
    introduced_at: Mapped[datetime | None]
    """When the person first told job title, languages and areas of interest."""
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    disabled_at: Mapped[datetime | None]

    roles: Mapped[list["RoleGrant"]] = relationship(back_populates="user")
    keys: Mapped[list["SecurityKey"]] = relationship(back_populates="user")


class AreaInterest(Base):
    """A thematic area whose cases a person wants to hear of; no duty to join."""

    __tablename__ = "area_interest"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    ern_id: Mapped[str] = mapped_column(ForeignKey("ern.id"), primary_key=True)
    area: Mapped[str] = mapped_column(primary_key=True)
    """The key of an area that the ERN's plugin declares."""


class RoleGrant(Base):
    """A role a person holds: at a centre, in an ERN, or for the whole site."""

    __tablename__ = "role_grant"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    role: Mapped[str]
    hcp_id: Mapped[UUID | None] = mapped_column(ForeignKey("hcp.id"))
    ern_id: Mapped[str | None] = mapped_column(ForeignKey("ern.id"))
    granted_at: Mapped[datetime] = mapped_column(default=clock.now)
    granted_by: Mapped[UUID | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(back_populates="roles")


class SecurityKey(Base):
    __tablename__ = "security_key"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    """COSE_Key, RFC 9052 section 7."""
    sign_count: Mapped[int]
    aaguid: Mapped[str]
    format: Mapped[str]
    """The attestation statement's format."""
    attestation: Mapped[bytes]
    backup_eligible: Mapped[bool] = mapped_column(default=False)
    label: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_used_at: Mapped[datetime | None]
    flagged_at: Mapped[datetime | None]
    """When its counter fell although the signature was right: it may have been copied."""
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(back_populates="keys")


class SignInSession(Base):
    """A signed-in browser. Made only by a sign-in, never by a request."""

    __tablename__ = "session"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    """SHA-256 of the 256-bit token in the cookie."""
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("security_key.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_seen_at: Mapped[datetime] = mapped_column(default=clock.now)
    revoked_at: Mapped[datetime | None]
    client: Mapped[str] = mapped_column(default="")
    """The browser as it named itself, shortened; for the person's own list of sessions."""


class AccountLink(Base):
    """A one-time link that starts the enrolment of a key; useless without its short code."""

    __tablename__ = "account_link"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    code_hash: Mapped[bytes | None]
    """None only for the first administrator's link, which appears on the server's own console."""
    wrong_codes: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    created_by: Mapped[UUID | None]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Challenge(Base):
    """A ceremony that was begun; taken out by whatever answer comes, also by a wrong one."""

    __tablename__ = "challenge"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    purpose: Mapped[str]
    user_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    subject_id: Mapped[UUID | None]
    """What is signed, an outcome for instance."""
    value: Mapped[bytes]
    nonce: Mapped[bytes] = mapped_column(default=b"")
    expires_at: Mapped[datetime]

    __table_args__ = (Index(None, "expires_at"),)


class StepUp(Base):
    """A fresh touch of the own key for one act; used up by that act."""

    __tablename__ = "step_up"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("session.id"), index=True)
    act: Mapped[str]
    """What it is for, `key:add` for instance."""
    subject_id: Mapped[UUID | None]
    """Whom or what it is done to."""
    touched_at: Mapped[datetime] = mapped_column(default=clock.now)
    used_at: Mapped[datetime | None]


class AccessRequest(Base):
    """A person asks for roles at a centre in an ERN; the centre endorses, the ERN approves."""

    __tablename__ = "access_request"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    ern_id: Mapped[str] = mapped_column(ForeignKey("ern.id"), index=True)
    hcp_id: Mapped[UUID] = mapped_column(ForeignKey("hcp.id"), index=True)
    """A centre, or a country's guest access."""
    roles: Mapped[list[str]]
    comment: Mapped[str] = mapped_column(default="")
    """The person's specialty, and whatever the deciders should know."""
    state: Mapped[str] = mapped_column(default="submitted", index=True)
    """submitted, asked (something is asked back), approved, refused, withdrawn."""
    submitted_at: Mapped[datetime] = mapped_column(default=clock.now)
    endorsed_by: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"))
    endorsed_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"))
    decided_at: Mapped[datetime | None]
    message: Mapped[str] = mapped_column(default="")
    """The deciders' words: why it was refused, or what is asked."""
    waits_since: Mapped[datetime | None] = mapped_column(default=clock.now)
    """Since when it waits for whoever is next: those who decide, or the person."""
    reminded_at: Mapped[datetime | None]
    """When that had taken too long; of this turn only."""
    row_version: Mapped[int] = mapped_column(default=1)

    user: Mapped[User] = relationship(foreign_keys=user_id)


class Recovery(Base):
    """A person has no key left: one helper starts, another confirms it, then a link is made."""

    __tablename__ = "recovery"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    started_by: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"))
    """None if the person's own recovery code started it."""
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    reason: Mapped[str] = mapped_column(default="")
    confirmed_by: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"))
    ended_at: Mapped[datetime | None]
    """When it was confirmed or given up."""

    user: Mapped[User] = relationship(foreign_keys=user_id)


class RecoveryCode(Base):
    """One of the codes a person has printed. It starts a recovery and does nothing else."""

    __tablename__ = "recovery_code"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    used_at: Mapped[datetime | None]


class KeyModel(Base):
    """What the FIDO Alliance's metadata says of one model of security keys."""

    __tablename__ = "key_model"

    aaguid: Mapped[str] = mapped_column(primary_key=True)
    """Lower case, with hyphens."""
    description: Mapped[str]
    roots: Mapped[list[str]]
    """Certificates its attestations chain to, base64 of DER; leaves among them."""
    statuses: Mapped[list[str]]
    """Its status reports' words, the newest first: FIDO_CERTIFIED_L1, REVOKED …"""


class Deputy(Base):
    """Who stands in for somebody who is away."""

    __tablename__ = "deputy"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    """Who is away."""
    deputy_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    since: Mapped[datetime]
    until: Mapped[datetime]
    named_by: Mapped[UUID]
    ended_at: Mapped[datetime | None]


class FederatedIdentity(Base):
    """An account at an OpenID provider that a person linked while signed in with the key."""

    __tablename__ = "federated_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    issuer: Mapped[str]
    subject: Mapped[str]
    """The provider's own id for the person; an address is never looked at."""
    linked_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_used_at: Mapped[datetime | None]


class OpenIdRoundTrip(Base):
    """A browser that was sent to an OpenID provider; taken out by whatever comes back."""

    __tablename__ = "openid_round_trip"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    state_hash: Mapped[bytes] = mapped_column(unique=True)
    browser_hash: Mapped[bytes]
    """Of a cookie that this browser alone holds."""
    provider: Mapped[str]
    purpose: Mapped[str]
    """sign_in, link."""
    session_id: Mapped[UUID | None]
    """Whose session links it."""
    nonce: Mapped[str]
    code_verifier: Mapped[str]
    """RFC 7636 section 4.1."""
    user_id: Mapped[UUID | None]
    """Whom the provider named: the key is still to be touched."""
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ApiToken(Base):
    """What a machine signs in with: one person's rights, cut down to some acts."""

    __tablename__ = "api_token"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    """What routes declare, `case.export` for instance."""
    made_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

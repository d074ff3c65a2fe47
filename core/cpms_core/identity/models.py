"""Tables of people and how they sign in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
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
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    disabled_at: Mapped[datetime | None]

    roles: Mapped[list["RoleGrant"]] = relationship(back_populates="user")
    keys: Mapped[list["SecurityKey"]] = relationship(back_populates="user")


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

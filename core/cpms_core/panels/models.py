"""Tables of consultation requests, panels, contributions and outcomes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.db import Base, JsonValue, new_id
from cpms_core.identity.models import User


class ConsultationRequest(Base):
    """A case's question put to one ERN. The words are kept as they were asked."""

    __tablename__ = "consultation_request"
    __table_args__ = (Index(None, "ern_id", "state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("clinical_case.id"), index=True)
    ern_id: Mapped[str] = mapped_column(ForeignKey("ern.id"), index=True)
    area: Mapped[str] = mapped_column(default="")
    question: Mapped[str]
    urgency: Mapped[str]
    state: Mapped[str] = mapped_column(default="submitted", index=True)
    """A `RequestState` but `draft`."""
    reason: Mapped[str] = mapped_column(default="")
    submitted_by: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    submitted_at: Mapped[datetime] = mapped_column(default=clock.now)
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    paused_seconds: Mapped[int] = mapped_column(default=0)
    """How long the clock stood still because something was asked of the submitter."""
    due_at: Mapped[datetime | None]
    """When its triage was promised; None while that clock does not run."""
    escalated: Mapped[int] = mapped_column(default=0)
    """Who was told that it is late: 0 nobody, else a level of `clock.late_triage`."""
    forwarded_from: Mapped[UUID | None] = mapped_column(ForeignKey("consultation_request.id"))
    """The request to another ERN that was forwarded here."""
    row_version: Mapped[int] = mapped_column(default=1)

    case: Mapped[Case] = relationship()
    panel: Mapped["Panel | None"] = relationship(back_populates="request")


class Panel(Base):
    """The experts discussing one case."""

    __tablename__ = "panel"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(unique=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("consultation_request.id"), unique=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("clinical_case.id"), index=True)
    ern_id: Mapped[str] = mapped_column(ForeignKey("ern.id"), index=True)
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    workflow: Mapped[str] = mapped_column(default="full")
    """full, quick."""
    stage: Mapped[str] = mapped_column(default="panel_selection", index=True)
    stage_at: Mapped[datetime] = mapped_column(default=clock.now)
    """When it reached its present stage."""
    few_reason: Mapped[str] = mapped_column(default="")
    """Why the lead went on to the outcome with fewer than two contributors."""
    triaged_at: Mapped[datetime] = mapped_column(default=clock.now)
    first_response_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    """When it closed for the first time, which figures count, whether or not it was reopened."""
    archived_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    """When what comes next was promised; None while the clock stands still."""
    counted_from: Mapped[datetime | None]
    """From when the promises of a reopened panel are counted; else from the submission."""
    escalated: Mapped[int] = mapped_column(default=0)
    """Who was told that it is late: 0 nobody, 1 the lead, 2 the coordinators."""
    closing_note: Mapped[str] = mapped_column(default="")
    """Of the quick workflow: what the submitter takes away."""
    row_version: Mapped[int] = mapped_column(default=1)

    request: Mapped[ConsultationRequest] = relationship(back_populates="panel")
    lead: Mapped[User] = relationship()
    members: Mapped[list["PanelMember"]] = relationship(
        back_populates="panel", order_by="PanelMember.invited_at"
    )


class PanelMember(Base):
    __tablename__ = "panel_member"
    __table_args__ = (UniqueConstraint("panel_id", "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    panel_id: Mapped[UUID] = mapped_column(ForeignKey("panel.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    role: Mapped[str]
    """lead, member, observer."""
    state: Mapped[str] = mapped_column(default="invited")
    """offered, invited, accepted, declined, removed."""
    invited_by: Mapped[UUID]
    invited_at: Mapped[datetime] = mapped_column(default=clock.now)
    answered_at: Mapped[datetime | None]
    until: Mapped[datetime | None]
    """When a guest's seat ends by itself; None for everybody else."""
    reason: Mapped[str] = mapped_column(default="")
    """Why the invitation was declined, or what was said with an offer."""
    deputy_for: Mapped[UUID | None]
    """Who named this person instead of coming."""
    reminded_at: Mapped[datetime | None]

    panel: Mapped[Panel] = relationship(back_populates="members")
    user: Mapped[User] = relationship()


class EndedNotice(Base):
    """Somebody who follows the area of a case does not want to be told of it."""

    __tablename__ = "ended_notice"

    panel_id: Mapped[UUID] = mapped_column(ForeignKey("panel.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(default=clock.now)


class PanelErn(Base):
    """A network that a panel belongs to: the one that opened it, and those that share it.

    What a network's lists are sorted by stands here too, so that no list reads all panels there
    ever were; `renewal.renew_panel` keeps it as the panel has it.
    """

    __tablename__ = "panel_ern"
    __table_args__ = (Index(None, "ern_id", "ended_at", "due_at"),)

    panel_id: Mapped[UUID] = mapped_column(ForeignKey("panel.id"), primary_key=True)
    ern_id: Mapped[str] = mapped_column(ForeignKey("ern.id"), primary_key=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("consultation_request.id"), unique=True)
    since: Mapped[datetime] = mapped_column(default=clock.now)
    due_at: Mapped[datetime | None]
    """The panel's."""
    ended_at: Mapped[datetime | None]
    """When the panel closed or was withdrawn; None while it is open."""


class Contribution(Base):
    """What one member writes. Earlier versions are kept beside it."""

    __tablename__ = "contribution"
    __table_args__ = (Index(None, "author_id", "given_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    panel_id: Mapped[UUID] = mapped_column(ForeignKey("panel.id"), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    certainty: Mapped[str] = mapped_column(default="")
    text: Mapped[str]
    given_at: Mapped[datetime] = mapped_column(default=clock.now)
    kind: Mapped[str] = mapped_column(default="opinion")
    """opinion, reply; question, of the submitter in the quick workflow."""
    body: Mapped[dict[str, Any]] = mapped_column(JsonValue, default=dict)
    """The structured part: differential, tests, needs, who else would know."""
    reply_to: Mapped[UUID | None] = mapped_column(ForeignKey("contribution.id"))
    edited_at: Mapped[datetime | None]
    row_version: Mapped[int] = mapped_column(default=1)

    author: Mapped[User] = relationship()


class Outcome(Base):
    """A version of the panel's conclusion: drafted, shown to the members, signed and frozen."""

    __tablename__ = "outcome"
    __table_args__ = (UniqueConstraint("panel_id", "version"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    panel_id: Mapped[UUID] = mapped_column(ForeignKey("panel.id"))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(default="draft")
    """draft, sign_off, signed, superseded. What was signed stays signed when it is amended."""
    reason: Mapped[str] = mapped_column(default="")
    """Why it amends the signed version before it."""
    draft: Mapped[dict[str, Any]]
    row_version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    changed_by: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    frozen: Mapped[bytes | None]
    """The canonical JSON that members judge and the lead signs; set at sign-off."""
    sha256: Mapped[str | None]
    signature: Mapped[bytes | None]
    """The signed outcome's JSON: nonce, assertion, public key, signer."""
    signed_at: Mapped[datetime | None]

    positions: Mapped[list["Position"]] = relationship(back_populates="outcome")


class Position(Base):
    """Whether a member agrees with one version of an outcome."""

    __tablename__ = "position"
    __table_args__ = (UniqueConstraint("outcome_id", "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    outcome_id: Mapped[UUID] = mapped_column(ForeignKey("outcome.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    verdict: Mapped[str]
    """agree, remark, disagree."""
    remark: Mapped[str] = mapped_column(default="")
    about: Mapped[list[int]] = mapped_column(JsonValue, default=list)
    """The recommendations it is about, by number; none: all of the text."""
    given_at: Mapped[datetime] = mapped_column(default=clock.now)

    outcome: Mapped[Outcome] = relationship(back_populates="positions")
    user: Mapped[User] = relationship()

"""The whole consultation: clocks, shared panels, questions, follow-ups, receipts, retention."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cpms_core.db import JsonValue, UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for table, columns in _NEW_COLUMNS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.add_column(column)
            for key, other in _NEW_REFERENCES.get(table, ()):
                name = op.f(f"fk_{table}_{key}_{other}")
                batch_op.create_foreign_key(name, other, [key], ["id"])
    _create_tables()
    op.execute(
        "INSERT INTO panel_ern (panel_id, ern_id, request_id, since, ended_at) "
        "SELECT id, ern_id, request_id, triaged_at, CASE WHEN stage IN "
        "('closed', 'archived', 'withdrawn') THEN COALESCE(closed_at, stage_at) END FROM panel"
    )
    for table, *indexed in _INDEXED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            name = batch_op.f("_".join(("ix", table, *indexed)))
            batch_op.create_index(name, indexed, unique=False)


def _text(name: str, given: str = "") -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False, server_default=given)


def _number(name: str, given: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default=given)


def _json(name: str, given: str) -> sa.Column[Any]:
    return sa.Column(name, JsonValue, nullable=False, server_default=given)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime(), nullable=True)


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid(), nullable=True)


def _day(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Date(), nullable=True)


_NEW_COLUMNS: dict[str, tuple[sa.Column[Any], ...]] = {
    "ern": (_text("workflow", "full"), _json("promises", "{}"), _json("calendar", "{}")),
    "patient": (_day("retain_until"), _id("merged_into"), _time("erased_at")),
    "consent": (
        _json("classes", "[]"),
        _json("erns", "[]"),
        _text("assent"),
        _day("recontact_on"),
    ),
    "consultation_request": (_time("due_at"), _id("forwarded_from")),
    "panel": (
        _text("workflow", "full"),
        _time("archived_at"),
        _time("due_at"),
        _time("counted_from"),
        _number("escalated", "0"),
        _text("closing_note"),
    ),
    "outcome": (_text("reason"),),
    "panel_member": (_text("reason"), _id("deputy_for"), _time("reminded_at")),
    "contribution": (
        _text("kind", "opinion"),
        _json("body", "{}"),
        _id("reply_to"),
        _time("edited_at"),
        _number("row_version", "1"),
    ),
}
_NEW_REFERENCES = {
    "patient": (("merged_into", "patient"),),
    "consultation_request": (("forwarded_from", "consultation_request"),),
    "contribution": (("reply_to", "contribution"),),
}
_INDEXED = (
    ("consultation_request", "ern_id", "state"),
    ("panel", "due_at"),
    ("panel_ern", "ern_id", "ended_at", "due_at"),
    ("contribution_version", "contribution_id"),
    ("mention", "user_id"),
    ("panel_question", "panel_id"),
    ("follow_up", "due_on"),
    ("panel_reopening", "panel_id"),
)


def _create_tables() -> None:
    op.create_table(
        "panel_ern",
        sa.Column("panel_id", sa.Uuid(), nullable=False),
        sa.Column("ern_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        _to("panel_ern", "panel_id", "panel"),
        _to("panel_ern", "ern_id", "ern"),
        _to("panel_ern", "request_id", "consultation_request"),
        sa.PrimaryKeyConstraint("panel_id", "ern_id", name=op.f("pk_panel_ern")),
        sa.UniqueConstraint("request_id", name=op.f("uq_panel_ern_request_id")),
    )
    op.create_table(
        "contribution_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contribution_id", sa.Uuid(), nullable=False),
        sa.Column("certainty", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("body", JsonValue, nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        _to("contribution_version", "contribution_id", "contribution"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contribution_version")),
    )
    op.create_table(
        "mention",
        sa.Column("contribution_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        _to("mention", "contribution_id", "contribution"),
        _to("mention", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("contribution_id", "user_id", name=op.f("pk_mention")),
    )
    op.create_table(
        "panel_question",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("panel_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("wanted", JsonValue, nullable=False),
        sa.Column("asks_to_wait", sa.Boolean(), nullable=False),
        sa.Column("is_blocking", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        _to("panel_question", "panel_id", "panel"),
        _to("panel_question", "asked_by", "user_account"),
        _to("panel_question", "answered_by", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panel_question")),
    )
    op.create_table(
        "panel_look",
        sa.Column("panel_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        _to("panel_look", "panel_id", "panel"),
        _to("panel_look", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("panel_id", "user_id", name=op.f("pk_panel_look")),
    )
    op.create_table(
        "follow_up",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("panel_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        _to("follow_up", "panel_id", "panel"),
        _to("follow_up", "answered_by", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up")),
        sa.UniqueConstraint("panel_id", "kind", name=op.f("uq_follow_up_panel_id_kind")),
    )
    op.create_table(
        "follow_up_answer",
        sa.Column("follow_up_id", sa.Uuid(), nullable=False),
        sa.Column("outcome_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=False),
        _to("follow_up_answer", "follow_up_id", "follow_up"),
        _to("follow_up_answer", "outcome_id", "outcome"),
        sa.PrimaryKeyConstraint(
            "follow_up_id", "outcome_id", "number", name=op.f("pk_follow_up_answer")
        ),
    )
    op.create_table(
        "panel_reopening",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("panel_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        _to("panel_reopening", "panel_id", "panel"),
        _to("panel_reopening", "asked_by", "user_account"),
        _to("panel_reopening", "decided_by", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panel_reopening")),
    )
    op.create_table(
        "consent_receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("lines", JsonValue, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        _to("consent_receipt", "consent_id", "consent"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_receipt")),
        sa.UniqueConstraint("consent_id", name=op.f("uq_consent_receipt_consent_id")),
        sa.UniqueConstraint("code", name=op.f("uq_consent_receipt_code")),
    )


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name)

"""Preferences, requests for access, step-up, recovery, models of keys, counts of attempts."""

import sqlalchemy as sa
from alembic import op

from cpms_core.db import JsonValue, UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("user_account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("job_title", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("languages", JsonValue, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("introduced_at", UtcDateTime(), nullable=True))

    op.create_table(
        "area_interest",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("ern_id", sa.String(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        _to("area_interest", "user_id", "user_account"),
        _to("area_interest", "ern_id", "ern"),
        sa.PrimaryKeyConstraint("user_id", "ern_id", "area", name=op.f("pk_area_interest")),
    )
    op.create_table(
        "step_up",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("touched_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        _to("step_up", "session_id", "session"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_up")),
    )
    op.create_table(
        "access_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("ern_id", sa.String(), nullable=False),
        sa.Column("hcp_id", sa.Uuid(), nullable=False),
        sa.Column("roles", JsonValue, nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=False),
        sa.Column("endorsed_by", sa.Uuid(), nullable=True),
        sa.Column("endorsed_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("reminded_at", UtcDateTime(), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        _to("access_request", "user_id", "user_account"),
        _to("access_request", "ern_id", "ern"),
        _to("access_request", "hcp_id", "hcp"),
        _to("access_request", "endorsed_by", "user_account"),
        _to("access_request", "decided_by", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request")),
    )
    op.create_table(
        "recovery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        _to("recovery", "user_id", "user_account"),
        _to("recovery", "started_by", "user_account"),
        _to("recovery", "confirmed_by", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        _to("recovery_code", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_recovery_code_code_hash")),
    )
    op.create_table(
        "key_model",
        sa.Column("aaguid", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("roots", JsonValue, nullable=False),
        sa.Column("statuses", JsonValue, nullable=False),
        sa.PrimaryKeyConstraint("aaguid", name=op.f("pk_key_model")),
    )
    op.create_table(
        "attempt_count",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "began_at", name=op.f("pk_attempt_count")),
    )
    for table, column in _INDEXED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(batch_op.f(f"ix_{table}_{column}"), [column], unique=False)


_INDEXED = (
    ("step_up", "session_id"),
    *(("access_request", column) for column in ("user_id", "ern_id", "hcp_id", "state")),
    ("recovery", "user_id"),
    ("recovery_code", "user_id"),
)


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name)

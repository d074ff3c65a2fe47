"""Temporary networks, areas, groups, care teams, deputies, guests' ends, OpenID, tokens."""

import sqlalchemy as sa
from alembic import op

from cpms_core.db import JsonValue, UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _add("ern", sa.Column("ends_on", sa.Date(), nullable=True))
    _add("access_request", sa.Column("waits_since", UtcDateTime(), nullable=True))
    op.execute("UPDATE access_request SET waits_since = submitted_at")
    _add("hcp", sa.Column("closed_at", UtcDateTime(), nullable=True))
    _add("case_share", sa.Column("until", UtcDateTime(), nullable=True))
    _add("panel_member", sa.Column("until", UtcDateTime(), nullable=True))
    _add(
        "patient",
        sa.Column("is_restricted", sa.Boolean(), nullable=False, server_default=sa.false()),
    )

    op.create_table(
        "thematic_area",
        sa.Column("ern_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("retired_at", UtcDateTime(), nullable=True),
        _to("thematic_area", "ern_id", "ern"),
        sa.PrimaryKeyConstraint("ern_id", "key", name=op.f("pk_thematic_area")),
    )
    op.create_table(
        "expert_group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ern_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("row_version", sa.Integer(), nullable=False),
        _to("expert_group", "ern_id", "ern"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expert_group")),
    )
    op.create_table(
        "expert_group_member",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        _to("expert_group_member", "group_id", "expert_group"),
        _to("expert_group_member", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_expert_group_member")),
    )
    op.create_table(
        "care_team_member",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        _to("care_team_member", "patient_id", "patient"),
        _to("care_team_member", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_care_team_member")),
    )
    op.create_table(
        "broken_glass",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("opens", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("broken_at", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        _to("broken_glass", "patient_id", "patient"),
        _to("broken_glass", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broken_glass")),
    )
    op.create_table(
        "emergency_seen",
        sa.Column("glass_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        _to("emergency_seen", "glass_id", "broken_glass"),
        _to("emergency_seen", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("glass_id", "user_id", name=op.f("pk_emergency_seen")),
    )
    op.create_table(
        "patient_transfer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("from_hcp_id", sa.Uuid(), nullable=False),
        sa.Column("to_hcp_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        _to("patient_transfer", "patient_id", "patient"),
        _to("patient_transfer", "from_hcp_id", "hcp"),
        _to("patient_transfer", "to_hcp_id", "hcp"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_transfer")),
    )
    op.create_table(
        "deputy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("deputy_id", sa.Uuid(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("named_by", sa.Uuid(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        _to("deputy", "user_id", "user_account"),
        _to("deputy", "deputy_id", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deputy")),
    )
    op.create_table(
        "federated_identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("linked_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        _to("federated_identity", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_federated_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_federated_identity_issuer_subject")),
    )
    op.create_table(
        "openid_round_trip",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("code_verifier", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_openid_round_trip")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_openid_round_trip_state_hash")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", JsonValue, nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        _to("api_token", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    for table, column in _INDEXED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(batch_op.f(f"ix_{table}_{column}"), [column], unique=False)


_INDEXED = (
    *(("audit_event", column) for column in ("patient_id", "subject_id")),
    ("expert_group", "ern_id"),
    *(("care_team_member", column) for column in ("patient_id", "user_id")),
    *(("broken_glass", column) for column in ("patient_id", "user_id")),
    *(("patient_transfer", column) for column in ("patient_id", "from_hcp_id", "to_hcp_id")),
    *(("deputy", column) for column in ("user_id", "deputy_id")),
    ("federated_identity", "user_id"),
    ("openid_round_trip", "expires_at"),
    ("api_token", "user_id"),
)


def _add(table: str, column: sa.Column[object]) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.add_column(column)


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name)

"""Late triage that goes up, notices that are ended, and indexes for Home.

That PostgreSQL samples nothing written needs no statement: `store.migrate` sees to it each time.
"""

import sqlalchemy as sa
from alembic import op

from cpms_core.db import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("consultation_request", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("escalated", sa.Integer(), nullable=False, server_default="0")
        )
    op.create_table(
        "ended_notice",
        sa.Column("panel_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=False),
        _to("ended_notice", "panel_id", "panel"),
        _to("ended_notice", "user_id", "user_account"),
        sa.PrimaryKeyConstraint("panel_id", "user_id", name=op.f("pk_ended_notice")),
    )
    # Home asks by these, and would else go through all that there ever was.
    op.drop_index(op.f("ix_follow_up_due_on"), "follow_up")
    op.create_index(op.f("ix_follow_up_state_due_on"), "follow_up", ["state", "due_on"])
    op.create_index(op.f("ix_panel_reopening_state"), "panel_reopening", ["state"])
    op.create_index(op.f("ix_panel_lead_id"), "panel", ["lead_id"])
    op.create_index(
        op.f("ix_contribution_author_id_given_at"), "contribution", ["author_id", "given_at"]
    )


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name)

"""Mutes, guards, and when events were last heard."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heard",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "partition", name=op.f("pk_heard")),
    )
    op.create_table(
        "mute",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("muted_by", sa.Text(), nullable=False),
        sa.Column("muted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_mute")),
    )
    with op.batch_alter_table("run_context", schema=None) as batch_op:
        batch_op.add_column(sa.Column("play", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("opened_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("guarded", sa.Text(), nullable=True))
        batch_op.create_index(batch_op.f("ix_run_context_play_opened_at"), ["play", "opened_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("run_context", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_context_play_opened_at"))
        batch_op.drop_column("guarded")
        batch_op.drop_column("opened_at")
        batch_op.drop_column("play")

    op.drop_table("mute")
    op.drop_table("heard")

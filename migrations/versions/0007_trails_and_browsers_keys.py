"""Trails of events without an account; keys that may tell some traits, and keys of browsers."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    trail = op.create_table(
        "trail",
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("onward", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("alias", "via", "onward", name=op.f("pk_trail")),
    )
    # Events that wait already came the only way that there was: from an e-mail address to its domain.
    waiting = op.get_bind().execute(sa.text("SELECT record, partition FROM unassigned WHERE about LIKE 'domain:%'")).all()
    ways = {way for record, partition in waiting for way in _ways(json.loads(record), partition)}
    if ways:
        op.bulk_insert(trail, [dict(zip(("alias", "via", "onward", "partition"), way, strict=True)) for way in sorted(ways)])
    with op.batch_alter_table("api_key") as batch_op:
        batch_op.alter_column("traits", new_column_name="tells", existing_type=sa.Boolean(), existing_nullable=False)
        batch_op.add_column(sa.Column("origins", Json, nullable=True))
    with op.batch_alter_table("api_key") as batch_op:
        batch_op.add_column(sa.Column("traits", Json, nullable=True))
    op.execute("UPDATE api_key SET traits = '[]' WHERE NOT tells")
    with op.batch_alter_table("api_key") as batch_op:
        batch_op.drop_column("tells")


def downgrade() -> None:
    with op.batch_alter_table("api_key") as batch_op:
        batch_op.add_column(sa.Column("tells", sa.Boolean(), nullable=False, server_default=sa.true()))
    # A key that may tell some traits tells none in the older tables, which cannot say so.
    op.execute("UPDATE api_key SET tells = (traits IS NULL OR CAST(traits AS TEXT) = 'null')")
    with op.batch_alter_table("api_key") as batch_op:
        batch_op.drop_column("traits")
        batch_op.drop_column("origins")
    with op.batch_alter_table("api_key") as batch_op:
        batch_op.alter_column(
            "tells", new_column_name="traits", existing_type=sa.Boolean(), existing_nullable=False, server_default=None
        )
    op.drop_table("trail")


def _ways(record: dict[str, Any], partition: int) -> list[tuple[str, str, str, int]]:
    return [(via, via, record["about"], partition) for via in record.get("via", [])[-1:]]

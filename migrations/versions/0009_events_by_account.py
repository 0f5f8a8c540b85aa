"""events lie by month and account; the index that led to an account's events is not needed any more."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OLD_INDEX = "ix_event_account_id_received_at_position"
_MOVE = """
INSERT INTO event (month, account_id, fingerprint, source, id, name, user_id, occurred_at, received_at, position, properties,
                   traits, user_traits, imported)
SELECT month, account_id, fingerprint, source, id, name, user_id, occurred_at, received_at, position, properties, traits,
       user_traits, imported
FROM event_before ORDER BY rowid
"""


def upgrade() -> None:
    op.drop_index(op.f(_OLD_INDEX), "event")
    _key("month", "account_id", "fingerprint")


def downgrade() -> None:
    _key("month", "fingerprint")
    op.create_index(op.f(_OLD_INDEX), "event", ["account_id", "received_at", "position"], unique=False)


def _key(*columns: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("pk_event"), "event", type_="primary")
        op.create_primary_key(op.f("pk_event"), "event", list(columns))
        return
    # SQLite cannot change a table's key.
    op.rename_table("event", "event_before")
    op.create_table(
        "event",
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=16), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("properties", sa.Text(), nullable=False),
        sa.Column("traits", sa.Text(), nullable=True),
        sa.Column("user_traits", sa.Text(), nullable=True),
        sa.Column("imported", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(*columns, name=op.f("pk_event")),
    )
    op.execute(_MOVE)
    op.drop_table("event_before")

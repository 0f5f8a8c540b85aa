"""The table of what vendors told without saying more."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from shared.db.columns import metadata

# It waits here until the thing that it names was fetched; when the thing's events are in the log, it is gone.
notification = Table(
    "notification",
    metadata,
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    # What is told of one thing is in one partition, and fetched in the order in which it stands there.
    Column("thing", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # waiting | leased | refused: the vendor does not let us in
    Column("due_at", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    # Tries that failed, without those that say nothing of the thing: throttled, refused.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("leased_until", BigInteger),
    Column("reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "source", "due_at"),
    Index(None, "source", "thing", "position"),
    Index(None, "leased_until"),
)

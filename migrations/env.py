"""What Alembic runs: on the connection that `shared.db.database` hands over, in its transaction."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from shared.db import tables
from shared.db.columns import Json


def render_item(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """How a new migration writes our JSON columns; Alembic's own way names a class that it does not import."""
    if kind != "type" or item is not Json:
        return False
    autogenerate.imports.add("from sqlalchemy.dialects import postgresql")
    return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.event.metadata,
    # SQLite cannot alter a column in place: Alembic then makes the table anew.
    render_as_batch=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()

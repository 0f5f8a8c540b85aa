"""What a database that is away, busy, full or failing over raises: the one list that everybody waits on."""

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

# Through SQLAlchemy, straight from asyncpg (which reaches us unwrapped while it connects, and where we bypass SQLAlchemy),
# or from the socket below.
DATABASE_AWAY = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

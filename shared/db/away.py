"""What a database that is away, busy, full or failing over raises: the one list that everybody waits on."""

import sqlite3

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

# Through SQLAlchemy, straight from the driver (asyncpg while it connects, and both where we bypass SQLAlchemy), or from the
# socket below.
DATABASE_AWAY = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, sqlite3.Error, OSError, TimeoutError)

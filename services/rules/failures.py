"""What a failed statement means for a batch.

the database is away (or busy, full, failing over)   nothing was stored, or it is not known: put back and try again
the database refuses the rows themselves             it will refuse them again: find the record that is the cause
"""

import sqlite3

from sqlalchemy.exc import DataError, IntegrityError

from shared.db.away import DATABASE_AWAY

# What a statement can raise; the last two before it is sent.
DATABASE_ERRORS = (*DATABASE_AWAY, OverflowError, UnicodeError)
# SQLSTATE classes: data exception, integrity constraint violation, program limit exceeded.
_REFUSALS = ("22", "23", "54")


def refuses_rows(error: BaseException) -> bool:
    """Whether the same rows would fail again."""
    if isinstance(error, DataError | IntegrityError | sqlite3.DataError | sqlite3.IntegrityError | OverflowError | UnicodeError):
        return True
    cause: BaseException | None = error
    while cause is not None:
        sqlstate = getattr(cause, "sqlstate", None)
        if isinstance(sqlstate, str):
            return sqlstate.startswith(_REFUSALS)
        cause = getattr(cause, "orig", None) or cause.__cause__
    return False

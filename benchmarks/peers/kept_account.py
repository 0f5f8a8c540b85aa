"""One account of the floor as bytes, for a framework's store of state: msgpack without names, the fastest we know."""

import msgspec

from benchmarks.floor import Account, Level
from shared.instants import DAY, Instant

_Level = tuple[bool, bool, bool, Instant]
_Drop = tuple[_Level, dict[int, int], int, float, Instant, Instant]
_Tickets = tuple[_Level, list[Instant], Instant]
_Silence = tuple[_Level, Instant, Instant]
_Kept = tuple[str, str | None, _Drop, _Tickets, _Silence, Instant]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode
_READ_BACK = 36  # days before a midnight that a drop looks at


def dump(account: Account) -> bytes:
    """The account, without the exports that are too old to be looked at again."""
    if len(account.exports) > _READ_BACK + 10:
        oldest = account.boundary // DAY - _READ_BACK
        account.exports = {day: count for day, count in account.exports.items() if day >= oldest}
    drop = (
        _level(account.drop), account.exports, account.exported, account.kept, account.drop_cools, account.boundary,
    )  # fmt: skip
    tickets = _level(account.urgent), account.tickets, account.tickets_at
    silence = _level(account.silence), account.newest_login, account.silence_at
    return _encode((account.account_id, account.plan, drop, tickets, silence, account.deadline))


def load(kept: bytes) -> Account:
    """The account as it was."""
    account_id, plan, drop, tickets, silence, deadline = _decode(kept)
    account = Account(account_id, 0)
    level, account.exports, account.exported, account.kept, account.drop_cools, account.boundary = drop
    _restore(account.drop, level)
    level, account.tickets, account.tickets_at = tickets
    _restore(account.urgent, level)
    level, account.newest_login, account.silence_at = silence
    _restore(account.silence, level)
    account.plan, account.deadline = plan, deadline
    return account


def _level(level: Level) -> _Level:
    return level.on, level.open, level.spent, level.last_opened


def _restore(level: Level, kept: _Level) -> None:
    level.on, level.open, level.spent, level.last_opened = kept

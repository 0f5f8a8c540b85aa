"""Room for what waits in memory: so much in all, and never all of it for one key."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.ingest.errors import Problem


class Room:
    """So many bytes. A key may fill as much as would still be free beside it: alone half, two of them a third each.

    So however much the busy ones send, there is room for who has nothing waiting yet.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._all = 0
        self._of: Counter[str] = Counter()

    @contextmanager
    def taken(self, key_id: str, size: int) -> Iterator[None]:
        """Take so many bytes for as long as it lasts. Raises Problem 503: the key has its share already."""
        if self._of[key_id] + size > self._size - self._all - size:
            raise Problem(503, "overloaded", "too much is waiting for the log: send it again later", headers={"Retry-After": "1"})
        self._all += size
        self._of[key_id] += size
        try:
            yield
        finally:
            self._all -= size
            self._of[key_id] -= size
            if not self._of[key_id]:
                del self._of[key_id]

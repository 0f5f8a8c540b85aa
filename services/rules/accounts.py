"""The accounts of one partition that are in memory, as far as each is loaded, within a bound."""

from collections import OrderedDict
from collections.abc import Iterable

from services.rules.core.state import Account, SubjectKey


class Loaded:
    """One account, and what of it was loaded.

    `absent` holds subjects that were looked for and do not exist; with `everything` all that exists is in memory.
    `plays_offset` is the Applied record to whose plays it was brought, `brought` whether that is not stored yet.
    """

    __slots__ = ("absent", "absent_users", "account", "brought", "everything", "new", "plays_offset")

    def __init__(self, account: Account, plays_offset: int, new: bool) -> None:
        self.account = account
        self.plays_offset = plays_offset
        # Not stored yet. Of a new account nothing can be stored, so that all of it is in memory.
        self.new = new
        self.everything = new
        self.brought = False
        self.absent: set[SubjectKey] = set()
        self.absent_users: set[str] = set()

    def has(self, key: SubjectKey) -> bool:
        """Whether it is known in memory what the subject's document is, or that there is none."""
        return self.everything or key in self.account.subjects or key in self.absent

    def has_user(self, user_id: str) -> bool:
        """The same for a user's traits."""
        return self.everything or user_id in self.account.users or user_id in self.absent_users

    @property
    def weight(self) -> int:
        """How much memory it takes, in documents."""
        return 1 + len(self.account.subjects)

    def saved(self) -> None:
        """What was changed is stored now."""
        account = self.account
        account.changed.clear()
        account.users_changed.clear()
        account.traits_changed = False
        self.new = self.brought = False
        self.absent.difference_update(account.subjects)
        self.absent_users.difference_update(account.users)


class Accounts:
    """The accounts in memory, the longest unused first; only `saved` lets any go, between two batches."""

    def __init__(self, bound: int) -> None:
        """Keep about `bound` documents."""
        self._bound = bound
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()
        self._weight = 0
        self._weights: dict[str, int] = {}

    def get(self, account_id: str) -> Loaded | None:
        """The account, if it is in memory; it counts as used."""
        loaded = self._loaded.get(account_id)
        if loaded is not None:
            self._loaded.move_to_end(account_id)
        return loaded

    def add(self, loaded: Loaded) -> None:
        """Keep an account in memory."""
        self._loaded[loaded.account.account_id] = loaded

    def forget(self, account_ids: Iterable[str]) -> None:
        """Drop accounts whose state in memory is not what is stored."""
        for account_id in account_ids:
            self._loaded.pop(account_id, None)
            self._weight -= self._weights.pop(account_id, 0)

    def clear(self) -> None:
        """Drop all of them."""
        self._loaded.clear()
        self._weights.clear()
        self._weight = 0

    def saved(self, account_ids: Iterable[str]) -> None:
        """What a batch changed in these accounts is stored; the longest unused accounts past the bound go."""
        for account_id in account_ids:
            loaded = self._loaded[account_id]
            loaded.saved()
            self._weight += loaded.weight - self._weights.get(account_id, 0)
            self._weights[account_id] = loaded.weight
        while self._weight > self._bound and len(self._loaded) > 1:
            oldest, _ = self._loaded.popitem(last=False)
            self._weight -= self._weights.pop(oldest, 0)

    def __len__(self) -> int:
        return len(self._loaded)

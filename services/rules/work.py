"""One account's part of a batch: what it needs from the database, and what the engine makes of it.

Accounts do not touch each other, so each is worked through alone. Where the engine fails on one account, the others are not
held up: the account is loaded afresh and taken step by step, and only the step that fails again is given up.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from functools import partial
from itertools import chain
from typing import Any

from services.rules.accounts import Loaded
from services.rules.core.effects import Effects
from services.rules.core.routes import Touch
from services.rules.core.state import Account, SubjectKey, decode_document, encode_document
from services.rules.heard import Heard, Poison
from services.rules.partitions import Owned
from services.rules.reading import Slice, origin
from shared.instants import Instant
from shared.records import Event

# Of stored events, by their fingerprints: the months in which they were received.
Known = Mapping[bytes, AbstractSet[int]]
_NEVER: frozenset[int] = frozenset()


class Work:
    """What is to be done with one account: bring it to the plays, take events, and with `until` the deadlines before it."""

    def __init__(self, owned: Owned, account_id: str, until: Instant | None = None) -> None:
        self.owned = owned
        self.account_id = account_id
        self.until = until
        self.heard: list[Heard] = []
        # Those of them that are no repeats.
        self.fresh: list[Heard] = []
        # Which subjects and users the engine will look at; with `all_subjects` every one.
        self.subjects: set[SubjectKey] = set()
        self.all_subjects = False
        self.touched: Touch | None = None
        self.users: set[str] = set()
        self.loaded: Loaded | None = None
        self.history: list[Event] | None = None
        # What came of it.
        self.effects = Effects()
        self.taken: list[Heard] = []
        self.given_up: list[Poison] = []
        self.duplicates = 0
        # The engine failed; nothing of the account in memory is to be trusted.
        self.broken: Exception | None = None

    @property
    def stale(self) -> bool:
        """Whether the account is older than the plays."""
        return self.loaded is not None and self.loaded.plays_offset < self.owned.catalog.offset

    def sift(self, known: Known) -> None:
        """Find out which of its events are no repeats. `known` are the stored events."""
        self.fresh = _without_repeats(self, known)

    def brought(self) -> None:
        """The account has been brought to the plays."""
        if self.loaded is not None:
            self.loaded.plays_offset = self.owned.catalog.offset
            self.loaded.brought = True

    def give_up(self, where: str, error: Exception, record: bytes) -> None:
        """Make a dead letter of what failed twice."""
        reason = f"{type(error).__name__}: {error}"
        self.given_up.append(Poison(where, reason, record, self.owned.at))

    def again(self) -> None:
        """Forget what came of it, to begin anew."""
        self.loaded = self.history = self.broken = None
        self.effects, self.taken, self.given_up = Effects(), [], []


def works_of(parts: Iterable[Slice]) -> dict[str, Work]:
    """The accounts that the events of a batch are about, and what must be loaded of each."""
    works: dict[str, Work] = {}
    for part in parts:
        touches = part.owned.engine.touches
        for heard in part.heard:
            event = heard.event
            account_id = event.account_id or ""
            work = works.get(account_id)
            if work is None:
                work = works[account_id] = Work(part.owned, account_id)
            work.heard.append(heard)
            touch = touches(event)
            # Where every play is for accounts, it is one and the same for all events.
            if touch is not work.touched:
                work.touched = touch
                work.subjects.update(touch.keys)
                work.all_subjects = work.all_subjects or touch.all
            if event.user_id:
                work.users.add(event.user_id)
    return works


def do(works: Iterable[Work]) -> None:
    """Take every account's part. A work that fails is `broken`."""
    for work in works:
        try:
            _do(work)
        except Exception as error:  # noqa: BLE001 - what a play makes the engine raise must not hold up other accounts
            work.broken = error


def _do(work: Work) -> None:
    account = _account(work)
    if account is None:
        return
    fresh, engine, effects = work.fresh, work.owned.engine, work.effects
    if work.stale:
        engine.warm(account, work.history or [], work.owned.catalog.at, effects)
        work.brought()
    for heard in fresh:
        engine.take(account, heard.event, effects, heard.at)
    work.taken = fresh
    if work.until is not None:
        _pass_time(work, account, work.until)


def do_carefully(work: Work) -> None:
    """The same step by step, for an account at which the engine failed: what fails again becomes a dead letter."""
    account = _account(work)
    if account is None:
        return
    owned, engine, effects = work.owned, work.owned.engine, work.effects
    applied = origin(owned.partition, owned.catalog.offset)
    if work.stale:
        brought = _try(account, effects, lambda: engine.warm(account, work.history or [], owned.catalog.at, effects))
        if brought is not None:
            work.give_up(f"{applied}/{work.account_id}", brought, work.account_id.encode())
        work.brought()
    for heard in work.fresh:
        failed = _try(account, effects, partial(engine.take, account, heard.event, effects, heard.at))
        if failed is None:
            work.taken.append(heard)
        else:
            work.give_up(origin(owned.partition, heard.offset), failed, heard.record)
    if work.until is not None:
        late = _try(account, effects, partial(_pass_time, work, account, work.until))
        if late is not None:
            work.give_up(f"{origin(owned.partition, owned.next_offset)}/{work.account_id}/{work.until}", late, b"")
            _without_deadlines(account, work.until)


def _pass_time(work: Work, account: Account, until: Instant) -> None:
    if _overdue(work, account, until) is not None:
        work.owned.engine.pass_time(account, until, work.effects)
        stuck = _overdue(work, account, until)
        if stuck is not None:
            raise RuntimeError(f"the deadline of {stuck.kind} {stuck.value} does not pass")


def _overdue(work: Work, account: Account, until: Instant) -> SubjectKey | None:
    """A subject that the work is about, or that its events changed, with a deadline before `until`."""
    for key in chain(work.subjects, account.changed):
        document = account.subjects.get(key)
        if document is not None and document.next_deadline is not None and document.next_deadline < until:
            return key
    return None


def _account(work: Work) -> Account | None:
    if work.loaded is None:
        if not work.fresh:
            return None
        first = Account(work.account_id, work.fresh[0].event.received_at, {})
        work.loaded = Loaded(first, work.owned.catalog.offset, new=True)
    return work.loaded.account


def _try(account: Account, effects: Effects, step: Callable[[], None]) -> Exception | None:
    kept = _copy(account)
    lists: tuple[list[Any], ...] = (
        *(effects.opened, effects.resolved, effects.decisions),
        *(effects.goals, effects.already, effects.peers),
    )
    lengths = [len(one) for one in lists]
    try:
        step()
    except Exception as error:  # noqa: BLE001 - as in `do`; here the step alone is given up, and leaves nothing behind
        _restore(account, kept)
        for one, length in zip(lists, lengths, strict=True):
            del one[length:]
        return error
    return None


def _copy(account: Account) -> Account:
    copy = Account(account.account_id, account.first_seen_at, deepcopy(account.traits))
    copy.users = deepcopy(account.users)
    copy.subjects = {key: decode_document(encode_document(document)) for key, document in account.subjects.items()}
    copy.changed, copy.users_changed, copy.traits_changed = {*account.changed}, {*account.users_changed}, account.traits_changed
    return copy


def _restore(account: Account, kept: Account) -> None:
    account.first_seen_at, account.traits, account.users = kept.first_seen_at, kept.traits, kept.users
    account.subjects, account.changed = kept.subjects, kept.changed
    account.users_changed, account.traits_changed = kept.users_changed, kept.traits_changed


def _without_deadlines(account: Account, until: Instant) -> None:
    # Its next event gives it a deadline again; without this the same one would fail for ever.
    for key, document in account.subjects.items():
        if document.next_deadline is not None and document.next_deadline < until:
            document.next_deadline = None
            account.changed.add(key)


def _without_repeats(work: Work, known: Known) -> list[Heard]:
    # A repeat is dropped when the first was received in the same or the previous calendar month.
    fresh: list[Heard] = []
    seen: dict[bytes, set[int]] = {}
    for heard in work.heard:
        named, month = heard.fingerprint, heard.month
        # Most were never heard of.
        if named in known or named in seen:
            months = known.get(named, _NEVER) | seen.get(named, _NEVER)
            if month in months or month - 1 in months:
                work.duplicates += 1
                continue
        seen.setdefault(named, set()).add(month)
        fresh.append(heard)
    return fresh

"""Bringing into memory what a batch needs, in a few statements for all its accounts together."""

from collections.abc import Collection, Iterable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.rules import store
from services.rules.accounts import Loaded
from services.rules.core.state import Account, SubjectKey, decode_document
from services.rules.partitions import Owned
from services.rules.work import Work


async def load(connection: AsyncConnection, works: Collection[Work]) -> None:
    """Load, of each work's account, what is not in memory yet; an account that does not exist stays None."""
    await _load_accounts(connection, works)
    there = [work for work in works if work.loaded is not None]
    for work in there:
        # An account that has to be brought to the plays is needed whole.
        work.all_subjects = work.all_subjects or work.stale
    await _load_subjects(connection, there)
    await _load_users(connection, there)
    await _load_history(connection, [work for work in there if work.stale])


async def _load_accounts(connection: AsyncConnection, works: Collection[Work]) -> None:
    missing: dict[str, Work] = {}
    for work in works:
        work.loaded = work.owned.accounts.get(work.account_id)
        if work.loaded is None:
            missing[work.account_id] = work
    for account_id, traits, first_seen_at, plays_offset in await store.find_accounts(connection, list(missing)):
        account = Account(account_id, first_seen_at, msgspec.json.decode(traits))
        missing[account_id].loaded = Loaded(account, plays_offset, new=False)


async def _load_subjects(connection: AsyncConnection, works: Iterable[Work]) -> None:
    whole: dict[str, Loaded] = {}
    some: dict[str, Loaded] = {}
    keys: list[tuple[str, str, str]] = []
    for work in works:
        loaded = _of(work)
        if loaded.everything:
            continue
        if work.all_subjects:
            whole[work.account_id] = loaded
            continue
        absent = [key for key in work.subjects if not loaded.has(key)]
        keys.extend((work.account_id, key.kind, key.value) for key in absent)
        some[work.account_id] = loaded
        loaded.absent.update(absent)
    _keep_subjects(some, await store.find_subjects(connection, keys))
    _keep_subjects(whole, await store.find_subjects(connection, [(account_id,) for account_id in whole]))


def _keep_subjects(accounts: dict[str, Loaded], rows: Sequence[tuple[str, str, str, str]]) -> None:
    for account_id, kind, value, document in rows:
        loaded, key = accounts[account_id], SubjectKey(kind, value)
        loaded.absent.discard(key)
        # What is in memory already may be newer in this batch than what is stored.
        if key not in loaded.account.subjects:
            loaded.account.subjects[key] = decode_document(document)


async def _load_users(connection: AsyncConnection, works: Iterable[Work]) -> None:
    whole: dict[str, Loaded] = {}
    some: dict[str, Loaded] = {}
    keys: list[tuple[str, str]] = []
    for work in works:
        loaded = _of(work)
        if loaded.everything:
            continue
        if work.all_subjects:
            whole[work.account_id] = loaded
            continue
        users = work.users | {key.value for key in work.subjects if key.kind == "user"}
        absent = [user_id for user_id in users if not loaded.has_user(user_id)]
        keys.extend((work.account_id, user_id) for user_id in absent)
        some[work.account_id] = loaded
        loaded.absent_users.update(absent)
    _keep_users(some, await store.find_users(connection, keys))
    _keep_users(whole, await store.find_users(connection, [(account_id,) for account_id in whole]))
    for loaded in whole.values():
        loaded.everything = True


def _keep_users(accounts: dict[str, Loaded], rows: Sequence[tuple[str, str, str]]) -> None:
    for account_id, user_id, traits in rows:
        loaded = accounts[account_id]
        loaded.absent_users.discard(user_id)
        if user_id not in loaded.account.users:
            loaded.account.users[user_id] = msgspec.json.decode(traits)


async def _load_history(connection: AsyncConnection, works: Iterable[Work]) -> None:
    by_partition: dict[Owned, list[Work]] = {}
    for work in works:
        by_partition.setdefault(work.owned, []).append(work)
    for owned, stale in by_partition.items():
        found = await store.history(connection, [work.account_id for work in stale], owned.warm_names())
        for work in stale:
            work.history = found[work.account_id]


def _of(work: Work) -> Loaded:
    if work.loaded is None:
        raise LookupError(f"account {work.account_id} is not in memory")
    return work.loaded

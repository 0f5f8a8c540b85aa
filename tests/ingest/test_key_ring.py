import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from scripts import postgres
from shared.db.database import open_database, upgrade
from shared.db.key_store import create_key
from shared.key_ring import ANSWER_SECONDS, FRESH_SECONDS, KeyRing, KeysUnavailable, keys_in, open_key_ring
from shared.keys import ApiKey, given_key, hash_key, make_key
from tests.conftest import SettingsFor, opened

SECRET = b"one deployment's secret"


class Keys:
    """A database of keys that can be away, or slow to answer; and the seconds that have passed."""

    def __init__(self) -> None:
        self.kept: dict[bytes, ApiKey] = {}
        self.away = False
        self.asked = 0
        self.now = 100.0
        self.answers = asyncio.Event()
        self.answers.set()
        self.ring = KeyRing(SECRET, self.find, {"given": given_key("write")}, lambda: self.now)

    def add(self) -> str:
        text, key = make_key("write", now=0)
        self.kept[hash_key(text, SECRET)] = key
        return text

    async def find(self, hashed: bytes) -> ApiKey | None:
        self.asked += 1
        await self.answers.wait()
        if self.away:
            raise OperationalError("SELECT", {}, ConnectionRefusedError())
        return self.kept.get(hashed)


@pytest.fixture
def keys() -> Keys:
    return Keys()


async def test_a_key_is_asked_for_once_in_a_while(keys: Keys) -> None:
    text = keys.add()
    for passed in (0.0, FRESH_SECONDS - 0.1, 0.05):
        keys.now += passed
        assert await keys.ring.holder(text) is not None
    assert keys.asked == 1
    keys.now += 0.06
    assert await keys.ring.holder(text) is not None
    assert keys.asked == 2


async def test_a_revoked_key_stops_working_within_five_seconds(keys: Keys) -> None:
    assert FRESH_SECONDS + ANSWER_SECONDS < 5
    text = keys.add()
    assert await keys.ring.holder(text) is not None
    keys.kept.clear()
    keys.now += FRESH_SECONDS
    assert await keys.ring.holder(text) is None


async def test_a_key_that_is_not_there_is_remembered_for_as_long_and_no_longer(keys: Keys) -> None:
    text, key = make_key("write", now=0)
    assert await keys.ring.holder(text) is None
    assert await keys.ring.holder(text) is None
    assert keys.asked == 1
    keys.kept[hash_key(text, SECRET)] = key
    keys.now += FRESH_SECONDS
    assert await keys.ring.holder(text) == key


async def test_what_cannot_be_a_key_is_not_asked_for(keys: Keys) -> None:
    for text in ("", "sp_write_", "x" * 900, "ключ"):
        assert await keys.ring.holder(text) is None
    assert keys.asked == 0


async def test_keys_that_were_seen_go_on_working_while_the_database_is_away(keys: Keys) -> None:
    text = keys.add()
    assert await keys.ring.holder(text) is not None
    keys.away = True
    for _ in range(3):
        keys.now += 3600
        assert await keys.ring.holder(text) is not None
    keys.away = False
    keys.kept.clear()
    keys.now += FRESH_SECONDS
    assert await keys.ring.holder(text) is None


async def test_of_a_key_that_was_not_seen_nothing_is_known_while_the_database_is_away(keys: Keys) -> None:
    text = keys.add()
    keys.away = True
    with pytest.raises(KeysUnavailable):
        await keys.ring.holder(text)
    keys.away = False
    assert await keys.ring.holder(text) is not None


async def test_a_database_that_hangs_is_away_after_a_second(keys: Keys) -> None:
    text = keys.add()
    keys.answers.clear()
    with pytest.raises(KeysUnavailable):
        await asyncio.wait_for(keys.ring.holder(text), 2 * ANSWER_SECONDS)


async def test_many_who_ask_at_once_ask_once(keys: Keys) -> None:
    text = keys.add()
    keys.answers.clear()
    waiting = [asyncio.create_task(keys.ring.holder(text)) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    keys.answers.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert keys.asked == 1
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(isinstance(key, ApiKey) for key in found[1:])


async def test_a_given_key_needs_no_database(keys: Keys) -> None:
    keys.away = True
    assert await keys.ring.holder("given") == given_key("write")
    assert keys.asked == 0


async def test_the_write_key_of_the_environment_works_without_a_database(settings_for: SettingsFor) -> None:
    settings = settings_for(write_key="demo", database_url="postgresql://nobody@127.0.0.1:1/none")
    async with opened(settings) as database:
        keys = open_key_ring(settings, database)
        assert await keys.holder("demo") == given_key("write")
        with pytest.raises(KeysUnavailable):
            await keys.holder(make_key("write", now=0)[0])


@pytest.mark.slow
async def test_a_server_that_goes_away_takes_no_key_with_it(settings_for: SettingsFor) -> None:
    now = 100.0
    with postgres.start() as server:
        settings = settings_for(database_url=server.url)
        await upgrade(settings)
        database = await open_database(settings)
        text, key = make_key("write", now=0)
        async with database.begin() as connection:
            await create_key(connection, key, hash_key(text, SECRET))
        keys = KeyRing(SECRET, keys_in(database), {}, lambda: now)
        assert await keys.holder(text) == key
    for _ in range(3):
        now += 3600
        assert await keys.holder(text) == key
    with pytest.raises(KeysUnavailable):
        await keys.holder(make_key("write", now=0)[0])
    await database.dispose()

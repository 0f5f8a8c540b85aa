"""Peers across partitions: the same runs as by one engine, whoever is faster, after restarts, with silent partitions."""

from collections.abc import Iterator
from contextlib import AsyncExitStack

from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules.catalog import Catalog, encode_catalog
from services.rules.core.engine import Engine
from services.rules.due import needs_tick
from services.rules.partitions import Owned
from services.rules.peer_store import Part
from services.rules.peers import PATIENCE, wait
from services.rules.reading import read_slice
from services.rules.store import Progress
from services.rules.worker import Bounds
from shared.db import tables
from shared.instants import DAY, HOUR, SECOND, Instant
from shared.log.contract import Entry, Log, Record
from shared.records import Applied, AppliedPlay, Event, RunOpened, RunResolved, as_json, encode
from shared.topics import EVENTS
from tests.rules.compared import side_by_side
from tests.rules.shell.conftest import Scene, until

START: Instant = 1_767_225_600_000_000  # 2026-01-01
ACCOUNTS = ("acme", "bolt", "crag", "dune", "elm", "fir")
BEHIND = {"behind": {"of": "any", "measure": "days", "over": "2d", "peers": "account.plan", "at_most": "50%"}}
DROP = {"drop": {"of": "report.exported", "over": "2d", "baseline": "4d", "by": "50%", "adjust": "peers", "floor": 1}}
PLAYS = Applied(
    plays=[
        AppliedPlay(play="behind", version=1, document={"play": "behind", "when": BEHIND, "again": "every time"}),
        AppliedPlay(play="adjusted", version=1, document={"play": "adjusted", "when": DROP, "again": "every time"}),
    ],
    listening_since=START,
)
END = START + 11 * DAY


def story() -> Iterator[Event]:
    """Every account has another rhythm; two change their plan, one is heard of late, and one is silent in the end."""
    for number, account in enumerate(ACCOUNTS):
        yield happened(account, "account.updated", START + number * HOUR, traits={"plan": "pro" if number % 2 else "free"})
        for day in range(11):
            if (day + number) % (2 + number % 3) == 0 and not (account == "acme" and day > 6):
                yield happened(account, "report.exported", START + day * DAY + number * HOUR)
    yield happened("bolt", "account.updated", START + 5 * DAY, traits={"plan": "free"})
    yield happened("crag", "account.updated", START + 7 * DAY + HOUR, traits={"plan": None})
    yield happened("dune", "report.exported", START + 6 * DAY + HOUR, late=2 * DAY)


def happened(account: str, name: str, at: Instant, late: int = 0, **fields: object) -> Event:
    return Event(
        id=f"{account}-{at}-{name}",
        name=name,
        source="test",
        account_id=account,
        occurred_at=at - late,
        received_at=at,
        properties_json=as_json({}),
        **fields,  # type: ignore[arg-type]
    )


def expected() -> set[tuple[object, ...]]:
    effects = side_by_side(PLAYS, story(), END, 1)
    return found(effects.opened, effects.resolved)


def found(opened: list[RunOpened], resolved: list[RunResolved]) -> set[tuple[object, ...]]:
    ends = {one.run_id: (one.resolved_at, one.reason) for one in resolved}
    return {(one.run_id, one.opened_at, str(one.evidence), *ends.get(one.run_id, ())) for one in opened}


async def send_all(scene: Scene) -> None:
    """The plays to every partition, then the story in the order of time; then the end, which only one partition hears."""
    count = await scene.log.partitions(EVENTS)
    await scene.log.append(EVENTS, [Entry("", encode(PLAYS), partition, START - 400 * DAY) for partition in range(count)])
    for event in sorted(story(), key=lambda event: event.received_at):
        await scene.send(event, at=event.received_at)
    await scene.send(happened("gull", "story.ended", END + 1), at=END + 1)


async def has_ended(scene: Scene) -> bool:
    rows = await scene.rows(tables.partition, topic=EVENTS)
    return bool(rows) and min(row["at"] for row in rows) > END and not await scene.count(tables.outbox)


async def decided(scene: Scene) -> set[tuple[object, ...]]:
    records = [one for one in await scene.runs() if one.account_id in ACCOUNTS]
    opened = {one.run_id: one for one in records if isinstance(one, RunOpened)}
    return found(list(opened.values()), [one for one in records if isinstance(one, RunResolved)])


async def test_the_same_runs_as_by_one_engine(database: AsyncEngine, replay_log: Log) -> None:
    scene = Scene(database, replay_log)
    await send_all(scene)
    async with scene.working(make_engine=Engine):
        await until(lambda: has_ended(scene), "the end of the story")
    assert len(expected()) > 8
    assert await decided(scene) == expected()


async def test_two_workers_and_a_restart_change_nothing(database: AsyncEngine, replay_log: Log) -> None:
    scene = Scene(database, replay_log)
    await send_all(scene)

    async def half_way() -> bool:
        rows = await scene.rows(tables.partition, topic=EVENTS)
        return len(rows) == 4 and min(row["at"] for row in rows) > START + 6 * DAY

    bounds = Bounds(records=30, due=3, documents=2, poll=0.05)
    async with scene.working(make_engine=Engine, bounds=bounds):
        await until(half_way, "half of the story")
    async with AsyncExitStack() as workers:
        for _ in range(2):
            await workers.enter_async_context(scene.working(make_engine=Engine, bounds=bounds))
        await until(lambda: has_ended(scene), "the end of the story")
    assert await decided(scene) == expected()


# ------------------------------------------------------------------ waiting


def waiting(at: Instant) -> Owned:
    """A partition that has a record of five days later to take, and does not know what others did on the first."""
    catalog = Catalog(applied=PLAYS, offset=0, at=START)
    owned = Owned(0, Progress(1, 1, at, encode_catalog(catalog), None, []), Engine, documents=100)
    owned.pending.append(Record(0, 1, START + 5 * DAY, "acme", b""))
    return owned


def test_a_partition_waits_one_day_after_the_end_of_a_day_that_is_missing() -> None:
    # Applied at midnight: the day that ends there is the first.
    assert waiting(START).peers.gate == START + DAY
    assert read_slice(waiting(START), [Record(0, 1, START + 5 * DAY, "acme", b"")]).at == START + DAY
    assert (waiting(START).held, waiting(START + DAY).held) == (False, True)


def test_what_all_have_closed_lets_time_go_on() -> None:
    owned = waiting(START + DAY)
    [key] = [key for key, group in owned.engine.peers.items() if group.paths]
    closed = [part for part in owned.peers.close(START + DAY, None) if part.peers == key]
    assert [part.day for part in closed] == [START // DAY - 1]
    began = Part(key, 1, START // DAY - 2, True, None)
    own = Part(key, 0, START // DAY - 2, True, None)
    for parts, heard in (([own, *closed, began], 0), ([own, *closed, began, closed[0]._replace(partition=1)], 1)):
        owned.peers.hear(key, START // DAY - 1, parts, 2, owned.at, owned.engine.totals)
        assert owned.peers.heard[key] == START // DAY - 2 + heard
    assert owned.engine.totals.knows(key, START // DAY - 1)


def test_a_day_that_one_partition_did_not_count_is_not_known() -> None:
    owned = waiting(START + DAY)
    key, day = next(iter(owned.engine.peers)), START // DAY - 1
    began = [Part(key, 0, day - 1, True, None), Part(key, 1, day, True, None)]
    counted = [Part(key, partition, day + 1, True, {"all": (1, 0)}) for partition in (0, 1)]
    owned.peers.hear(key, day, [*began, Part(key, 0, day, True, {"all": (1, 0)}), *counted], 2, owned.at, owned.engine.totals)
    assert not owned.engine.totals.knows(key, day)
    assert owned.engine.totals.knows(key, day + 1)


def test_who_waited_for_six_hours_goes_on_for_a_day() -> None:
    owned = waiting(START + DAY)
    for now in (0, PATIENCE - 1):
        wait(owned, now, replay=False)
    assert owned.held
    wait(owned, PATIENCE, replay=False)
    assert (owned.held, owned.peers.gate) == (False, START + 2 * DAY)


def test_in_a_replayed_log_who_waits_tells_the_others_the_time() -> None:
    owned = waiting(START + DAY)
    owned.peers.close(START + DAY, None)
    for key, first in owned.peers.missing():
        owned.peers.hear(key, first, [], 3, owned.at, owned.engine.totals)
    assert wait(owned, 0, replay=True) == []
    ticks = wait(owned, PATIENCE, replay=True)
    assert [(entry.partition, entry.at) for entry in ticks] == [(1, START + 5 * DAY), (2, START + 5 * DAY)]
    assert owned.held


def test_the_end_of_a_day_is_waited_for_like_a_deadline() -> None:
    owned = waiting(START)
    owned.pending.clear()
    assert owned.awaits == START
    assert (needs_tick(owned, START + SECOND), needs_tick(owned, START)) == (True, False)

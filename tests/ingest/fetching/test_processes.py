"""Several processes that share the work, and processes that die over it."""

import asyncio
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.fetching import store
from shared.instants import SECOND
from shared.outbound.retry import MAX_LOST
from tests.ingest.conftest import NOW
from tests.ingest.fetching.scene import Scene, VendorApi, a_notification, until


async def test_several_processes_share_the_work_and_fetch_nothing_twice(scene: Scene, vendor: VendorApi) -> None:
    stop = asyncio.Event()
    await scene.told(*(a_notification(number, event) for number in range(1, 41) for event in ("first", "second")))
    processes = [asyncio.create_task(scene.another_fetcher().run(stop)) for _ in range(3)]

    async def all_fetched() -> bool:
        return len(scene.journal.events) >= 80 and not await scene.waiting()

    await until(all_fetched)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*processes), 20)
    ids = [event.id for event in scene.journal.events]
    assert len(ids) == len(set(ids)) == 80
    assert all(ids.index(f"first-{number}") < ids.index(f"second-{number}") for number in range(1, 41))


async def test_a_process_that_is_lost_between_the_log_and_the_end_repeats_the_same_event(scene: Scene, vendor: VendorApi) -> None:
    await scene.told(a_notification(5))
    async with scene.database.begin() as connection:
        await store.lease(connection, "zendesk", ["01JH-5"], NOW, NOW + 120 * SECOND)
    await scene.after(120 * SECOND)
    assert scene.events == []
    await scene.after(1)
    await scene.work(scene.another_fetcher())
    assert [event.id for event in scene.journal.events] == ["01JH-5"]


async def test_a_lease_that_was_lost_ends_nothing(scene: Scene, vendor: VendorApi) -> None:
    vendor.door.clear()
    await scene.told(a_notification(5))
    await scene.fetcher.sweep()
    assert await scene.fetcher.begin_due() == 1
    scene.clock.pass_time(121 * SECOND)
    other = scene.another_fetcher()
    await other.sweep()
    assert await other.begin_due() == 1
    (waiting,) = await scene.waiting()
    assert (waiting.attempt, waiting.failures) == (2, 1)
    vendor.door.set()
    await scene.fetcher.settle()
    await other.settle()
    # The first found its lease lost; both appended the same event.
    assert [event.id for event in scene.journal.events] == ["01JH-5"] * 2
    assert await scene.waiting() == []


async def test_whoever_lost_its_lease_changes_nothing_any_more(scene: Scene) -> None:
    await scene.told(a_notification(5))
    async with scene.database.begin() as connection:
        [lost] = await store.lease(connection, "zendesk", ["01JH-5"], NOW, NOW)
        await store.rescue(connection, NOW + 1)
        [held] = await store.lease(connection, "zendesk", ["01JH-5"], NOW + 1, NOW + SECOND)
        assert not await store.done(connection, lost)
        assert not await store.put_off(connection, lost, "waiting", NOW, 7, "too late")
        assert not await store.give_up(connection, lost, "too late", NOW)
    (waiting,) = await scene.waiting()
    assert (waiting.state, waiting.attempt, waiting.reason) == ("leased", held.attempt, None)
    assert await scene.letters() == []


async def test_what_always_takes_its_process_along_is_given_up(scene: Scene) -> None:
    await scene.told(a_notification(5))
    for _ in range(MAX_LOST):
        async with scene.database.begin() as connection:
            await store.lease(connection, "zendesk", ["01JH-5"], scene.clock(), scene.clock())
        scene.clock.pass_time(1)
        async with scene.database.begin() as connection:
            assert await store.rescue(connection, scene.clock()) == 1
    await scene.work()
    assert "its process was lost" in (await scene.letters())[0].reason


async def test_at_the_end_what_is_under_way_is_given_back(database: AsyncEngine, tmp_path: Path, vendor: VendorApi) -> None:
    scene = Scene(database, tmp_path, ending=0.1)
    scene.source(vendor)
    vendor.door.clear()
    await scene.told(a_notification(5))
    stop = asyncio.Event()
    running = asyncio.create_task(scene.fetcher.run(stop))

    async def is_asked() -> bool:
        return bool(vendor.asked)

    await until(is_asked)
    stop.set()
    await asyncio.wait_for(running, 5)
    (waiting,) = await scene.waiting()
    assert (waiting.state, waiting.due_at, waiting.failures) == ("waiting", scene.clock(), 0)
    await scene.http.close()


async def test_a_consumer_that_lost_its_partition_stores_nothing(scene: Scene) -> None:
    await scene.told(a_notification(5))
    await scene.told(a_notification(6))
    consumer = type(scene.consumer)(scene.database, None, scene.clock, scene.wake)  # type: ignore[arg-type]
    assert await consumer._assigned(frozenset({0})) == {0: 2}
    await scene.told(a_notification(7))
    assert [row.id for row in await scene.waiting()] == ["01JH-5", "01JH-6"]

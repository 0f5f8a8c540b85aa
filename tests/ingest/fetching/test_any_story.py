"""Whatever a vendor answers and whichever process dies: nothing is lost, and what is told of a thing stays in its order."""

import asyncio
import random
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.fetching.fetcher import Fetcher
from shared.instants import HOUR, MINUTE, SECOND
from tests.conftest import make_settings, opened
from tests.ingest.fetching.scene import OK, TOKEN, Scene, VendorApi, a_notification

SEEDS = range(4)
ANSWERS: list[int | tuple[int, dict[str, str]]] = [
    *(OK, OK, OK, 404, 500, 503, 408, 400, 403, 302),
    *((429, {"retry-after": "30"}), (503, {"retry-after": "5"})),
]
GAPS = [0, SECOND, 6 * SECOND, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR]


class Story:
    """A scene in which chance decides; two processes fetch, and die without a word."""

    def __init__(self, scene: Scene, vendor: VendorApi, seed: int) -> None:
        self.scene = scene
        self.vendor = vendor
        self.chance = random.Random(seed)
        self.processes = [scene.fetcher, scene.another_fetcher()]
        self.told: dict[str, list[str]] = {}

    async def step(self) -> None:
        """Something is told, time passes, the vendor is in another mood, and what is due is fetched or half fetched."""
        numbers = [self.chance.randrange(1, 6) for _ in range(self.chance.randrange(3))]
        notifications = [a_notification(number, f"e{self._position()}") for number in numbers]
        for notification in notifications:
            self.told.setdefault(notification.thing, []).append(notification.id)
        if notifications:
            await self.scene.told(*notifications)
        self.scene.clock.pass_time(self.chance.choice(GAPS))
        self.vendor.says(*self.chance.choices(ANSWERS, k=5))
        self.vendor.token = self.chance.choice([TOKEN] * 4 + ["another"])
        self.scene.journal.away = self.chance.random() < 0.1
        process = self.chance.choice(self.processes)
        if self.chance.random() < 0.3:
            await self._dies(process)
        else:
            await self.scene.work(process)

    async def _dies(self, process: Fetcher) -> None:
        """It leases, maybe fetches, maybe tells the log, and is gone."""
        process._swept_at = 0
        await process.sweep()
        await process.begin_due()
        await asyncio.sleep(self.chance.choice([0, 0.002, 0.005, 0.02]))
        for task in list(process._under_way):
            task.cancel()
        await process.settle()
        self.processes[self.processes.index(process)] = self.scene.another_fetcher()

    def _position(self) -> int:
        return self.chance.randrange(10**12)

    async def ends_well(self) -> None:
        """The vendor recovers, and there is time."""
        self.vendor.says(OK)
        self.vendor.token = TOKEN
        self.scene.journal.away = False
        for _ in range(60):
            self.scene.clock.pass_time(HOUR)
            await self.scene.work(self.processes[0])


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_and_the_order_holds(seed: int, sqlite_url: str, tmp_path: Path, vendor: VendorApi) -> None:
    async with opened(make_settings(database_url=sqlite_url)) as database:
        await _lived(seed, database, tmp_path, vendor)


async def _lived(seed: int, database: AsyncEngine, folder: Path, vendor: VendorApi) -> None:
    scene = Scene(database, folder)
    scene.source(vendor)
    story = Story(scene, vendor, seed)
    for _ in range(40):
        await story.step()
    await story.ends_well()
    assert await scene.waiting() == []
    fetched = list(dict.fromkeys(event.id for event in scene.journal.events))
    buried = [letter.value.decode() for letter in await scene.letters()]
    for told in story.told.values():
        arrived = [each for each in told if each in fetched]
        assert arrived == sorted(arrived, key=fetched.index)
        for each in set(told) - set(arrived):
            assert any(f'"{each}"' in value for value in buried), each
    await scene.http.close()

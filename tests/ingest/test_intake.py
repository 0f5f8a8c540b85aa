import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from services.ingest.apis.items import read_item
from services.ingest.errors import Problem
from services.ingest.intake import Intake
from services.ingest.metrics import Metrics
from shared.log.contract import Entry
from tests.ingest.conftest import KEY, NOW, RememberedJournal, key_with, ring

EVENT = b'{"name":"a.b","account_id":"acme","id":"e1"}'
FROM_A_SERVER = Request({"type": "http", "headers": []})


class SlowJournal(RememberedJournal):
    """Takes what it is given when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()
        self.asked = asyncio.Event()

    async def append(self, topic: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        self.asked.set()
        await self.let.wait()
        return await super().append(topic, entries)


async def test_what_the_log_cannot_take_in_time_is_sent_away_instead_of_kept() -> None:
    journal = SlowJournal()
    intake = Intake(journal, ring((KEY, key_with())), lambda: NOW, Metrics(CollectorRegistry()), lambda: "new", most_waiting=250)
    sender = await intake.sender(KEY, FROM_A_SERVER)
    first = asyncio.create_task(intake.store([EVENT], read_item, sender))
    await journal.asked.wait()
    with pytest.raises(Problem) as caught:
        await intake.store([EVENT], read_item, sender)
    assert (caught.value.status, caught.value.code, caught.value.headers["Retry-After"]) == (503, "overloaded", "1")
    journal.let.set()
    assert (await first).accepted == 1
    assert (await intake.store([EVENT], read_item, sender)).accepted == 1


async def test_nothing_is_answered_before_the_log_has_it() -> None:
    journal = SlowJournal()
    intake = Intake(journal, ring((KEY, key_with())), lambda: NOW, Metrics(CollectorRegistry()), lambda: "new")
    storing = asyncio.create_task(intake.store([EVENT], read_item, await intake.sender(KEY, FROM_A_SERVER)))
    await journal.asked.wait()
    assert not storing.done()
    journal.let.set()
    assert (await storing).accepted == 1

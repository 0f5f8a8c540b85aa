"""The sources of the applied workspace: remembered, asked for again, and never guessed."""

import pytest

from services.ingest.receiving.configured import FRESH_SECONDS, ConfiguredSources, SourcesUnavailable
from shared.records import JsonObject

SHOP: JsonObject = {"sources": {"shop": {"kind": "standard_webhooks", "secret": ["env:SHOP"]}}}


class Workspaces:
    """A database that has the workspaces that were applied; `away` is one that does not answer."""

    def __init__(self) -> None:
        self.applied: list[JsonObject] = []
        self.away = False
        self.asked = 0
        self.now = 0.0
        self.configured = ConfiguredSources(self.newest, lambda: self.now)

    async def newest(self, known: int) -> tuple[int, JsonObject] | None:
        self.asked += 1
        if self.away:
            raise TimeoutError
        return (len(self.applied), self.applied[-1]) if len(self.applied) > known else None

    async def has(self, name: str) -> bool:
        return await self.configured.named(name) is not None


@pytest.fixture
def workspaces() -> Workspaces:
    return Workspaces()


async def test_before_the_first_workspace_nobody_is_unknown(workspaces: Workspaces) -> None:
    with pytest.raises(SourcesUnavailable):
        await workspaces.has("shop")
    workspaces.applied.append(SHOP)
    workspaces.now += FRESH_SECONDS
    assert await workspaces.has("shop")
    assert not await workspaces.has("zendesk")


async def test_a_newer_workspace_counts_within_five_seconds(workspaces: Workspaces) -> None:
    workspaces.applied.append(SHOP)
    assert await workspaces.has("shop")
    workspaces.applied.append({"sources": {}})
    assert await workspaces.has("shop")
    workspaces.now += 4
    assert not await workspaces.has("shop")


async def test_while_the_database_is_away_what_was_seen_goes_on_and_nobody_waits_for_it(workspaces: Workspaces) -> None:
    workspaces.applied.append(SHOP)
    assert await workspaces.has("shop")
    workspaces.away = True
    workspaces.now += FRESH_SECONDS
    for _ in range(100):
        assert await workspaces.has("shop")
    assert workspaces.asked == 2


async def test_while_nothing_was_seen_it_is_asked_for_again(workspaces: Workspaces) -> None:
    workspaces.away = True
    with pytest.raises(SourcesUnavailable):
        await workspaces.has("shop")
    workspaces.away = False
    workspaces.applied.append(SHOP)
    workspaces.now += 1
    assert await workspaces.has("shop")


async def test_a_source_that_this_version_does_not_know_is_left_out(workspaces: Workspaces) -> None:
    workspaces.applied.append({"sources": {"fax": {}, **SHOP["sources"]}})
    assert set(await workspaces.configured.all()) == {"shop"}

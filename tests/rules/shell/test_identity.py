"""Events whose account is not known at first find it, through the log."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.rules.core.identity import Meaning, forward, meaning_of, together
from shared.aliases import domain_of
from shared.db import tables
from shared.log.contract import Log
from shared.records import Event, Mapping
from shared.topics import EVENTS
from tests.rules.shell.conftest import Scene, until


def track(scene: Scene, about: str = "user:jo", name: str = "urgent.created", **fields: Any) -> Event:
    return scene.event(name, account=None, about=about, **fields)


async def accounts_of_runs(scene: Scene) -> list[str]:
    return sorted(run.account_id for run in await scene.runs())


async def test_a_group_call_and_then_a_track_without_a_group(scene: Scene) -> None:
    await scene.send(Mapping(alias="user:jo", account_id="acme"), track(scene))
    async with scene.working():
        await scene.settled()
    [stored] = await scene.rows(tables.event)
    assert (stored["account_id"], stored["user_id"], stored["id"]) == ("acme", "jo", "e1")
    assert await accounts_of_runs(scene) == ["acme"]


async def test_a_track_waits_until_its_user_is_known(scene: Scene) -> None:
    await scene.send(track(scene), track(scene))
    async with scene.working():
        await scene.settled()
        waiting = await scene.rows(tables.unassigned)
        assert sorted((row["about"], row["id"], row["name"]) for row in waiting) == [
            ("user:jo", "e1", "urgent.created"),
            ("user:jo", "e2", "urgent.created"),
        ]
        await scene.send(Mapping(alias="user:jo", account_id="acme"))
        await scene.settled()
    assert await scene.count(tables.unassigned) == 0
    assert await accounts_of_runs(scene) == ["acme", "acme"]


async def test_a_repeat_while_it_waits_is_one_event(scene: Scene) -> None:
    event = track(scene)
    await scene.send(event, event)
    async with scene.working():
        await scene.settled()
        await scene.send(event)
        await scene.settled()
        assert await scene.count(tables.unassigned) == 1
        await scene.send(Mapping(alias="user:jo", account_id="acme"), event)
        await scene.settled()
    assert await accounts_of_runs(scene) == ["acme"]


async def test_it_happened_when_it_was_first_heard_not_when_its_account_became_known(scene: Scene) -> None:
    await scene.send(track(scene))
    async with scene.working():
        await scene.settled()
        [waiting] = await scene.rows(tables.unassigned)
        await scene.send(Mapping(alias="user:jo", account_id="acme"))
        await scene.settled()
    [stored] = await scene.rows(tables.event)
    assert stored["occurred_at"] == waiting["received_at"] < stored["received_at"]


async def test_the_latest_mapping_wins_from_then_on(scene: Scene) -> None:
    await scene.send(Mapping(alias="user:jo", account_id="acme"), track(scene))
    async with scene.working():
        await scene.settled()
        await scene.send(Mapping(alias="user:jo", account_id="zen"), track(scene))
        await scene.settled()
    assert await accounts_of_runs(scene) == ["acme", "zen"]


async def test_an_anonymous_visitor_becomes_a_user_of_an_account(scene: Scene) -> None:
    await scene.send(track(scene, "anonymous:x"))
    async with scene.working():
        await scene.settled()
        await scene.send(Mapping(alias="anonymous:x", same_as="user:jo"))
        await scene.settled()
        assert [row["about"] for row in await scene.rows(tables.unassigned)] == ["user:jo"]
        await scene.send(Mapping(alias="user:jo", account_id="acme"))
        await scene.settled()
    [stored] = await scene.rows(tables.event)
    assert (stored["account_id"], stored["user_id"]) == ("acme", "jo")


async def test_aliases_in_a_circle_let_an_event_wait(scene: Scene) -> None:
    await scene.send(Mapping(alias="user:a", same_as="user:b"), Mapping(alias="user:b", same_as="user:a"))
    async with scene.working():
        await scene.settled()
        await scene.send(track(scene, "user:a"))
        await scene.settled()
        assert await scene.count(tables.unassigned) == 1
        await scene.send(Mapping(alias="user:b", account_id="acme"))
        await scene.settled()
    assert await accounts_of_runs(scene) == ["acme"]


async def test_an_address_is_asked_of_its_domain(scene: Scene) -> None:
    await scene.send(Mapping(alias="domain:acme.example", account_id="acme"))
    async with scene.working():
        await scene.settled()
        await scene.send(track(scene, "email:jo@acme.example"), track(scene, "email:jo@gmail.com"))
        await scene.settled()
    assert await accounts_of_runs(scene) == ["acme"]
    assert [row["about"] for row in await scene.rows(tables.unassigned)] == ["email:jo@gmail.com"]


@pytest.mark.parametrize(
    "learnt", [Mapping(alias="email:jo@acme.example", account_id="acme"), Mapping(alias="domain:acme.example", account_id="acme")]
)
async def test_what_waits_for_a_domain_is_released_by_the_domain_or_by_the_address(scene: Scene, learnt: Mapping) -> None:
    await scene.send(track(scene, "email:jo@acme.example"))
    async with scene.working():
        await scene.settled()
        assert await scene.count(tables.unassigned) == 1
        await scene.send(learnt)
        await scene.settled()
    assert await accounts_of_runs(scene) == ["acme"]
    assert await scene.count(tables.unassigned) == 0


CANDIDATES: dict[str, Any] = {"about": "zendesk:user:5", "else_about": ("email:jo@acme.example", "zendesk:org:99")}


async def test_of_several_aliases_the_first_that_means_an_account_counts(scene: Scene) -> None:
    await scene.send(Mapping(alias="zendesk:org:99", account_id="acme"), Mapping(alias="domain:acme.example", account_id="zen"))
    async with scene.working():
        await scene.settled()
        await scene.send(track(scene, **CANDIDATES))
        await scene.settled()
        await scene.send(Mapping(alias="zendesk:user:5", account_id="first"), track(scene, **CANDIDATES))
        await scene.settled()
    assert await accounts_of_runs(scene) == ["acme", "first"]


@pytest.mark.parametrize("alias", ["zendesk:user:5", "email:jo@acme.example", "zendesk:org:99", "domain:acme.example"])
async def test_what_waits_for_several_aliases_is_released_once_by_any_of_them(scene: Scene, alias: str) -> None:
    await scene.send(track(scene, **CANDIDATES))
    async with scene.working():
        await scene.settled()
        assert await scene.count(tables.unassigned) == 1
        await scene.send(Mapping(alias=alias, account_id="acme"))
        await scene.settled()
        await scene.send(*(Mapping(alias=other, account_id="zen") for other in ("zendesk:user:5", "zendesk:org:99")))
        await scene.settled()
    assert await accounts_of_runs(scene) == ["acme"]
    assert (await scene.count(tables.unassigned), await scene.count(tables.event)) == (0, 1)


async def test_an_address_is_known_as_a_user_whose_organisation_is_learnt_later(scene: Scene) -> None:
    await scene.send(Mapping(alias="email:jo@acme.example", same_as="user:jo"), track(scene, **CANDIDATES))
    async with scene.working():
        await scene.settled()
        await scene.send(Mapping(alias="zendesk:org:99", account_id="acme"))
        await scene.settled()
    [stored] = await scene.rows(tables.event)
    assert (stored["account_id"], stored["user_id"]) == ("acme", "jo")


async def test_a_trail_ends_where_the_account_is_known(scene: Scene) -> None:
    await scene.send(track(scene, **CANDIDATES))
    async with scene.working():
        await scene.settled()
        assert await scene.count(tables.trail, via="zendesk:user:5") == 3
        await scene.send(Mapping(alias="zendesk:user:5", account_id="acme"))
        await scene.settled()
    assert await scene.count(tables.trail, via="zendesk:user:5") == 0
    assert await scene.count(tables.trail) > 0


async def test_a_user_is_of_the_domain_of_the_address_until_better_is_known(scene: Scene) -> None:
    of_domain = Mapping(alias="user:jo", same_as="domain:acme.example")
    await scene.send(of_domain, track(scene))
    async with scene.working():
        await scene.settled()
        assert [row["about"] for row in await scene.rows(tables.unassigned)] == ["domain:acme.example"]
        await scene.send(Mapping(alias="domain:acme.example", account_id="acme"))
        await scene.settled()
        await scene.send(Mapping(alias="user:jo", account_id="group"), of_domain, track(scene))
        await scene.settled()
    assert await accounts_of_runs(scene) == ["acme", "group"]
    assert {row["user_id"] for row in await scene.rows(tables.event)} == {"jo"}


async def test_an_account_that_is_known_outlives_what_a_vendor_repeats(scene: Scene) -> None:
    vendors = Mapping(alias="zendesk:user:5", same_as="user:jo")
    await scene.send(vendors, Mapping(alias="zendesk:user:5", account_id="acme"), vendors, track(scene, "zendesk:user:5"))
    async with scene.working():
        await scene.settled()
    [stored] = await scene.rows(tables.event)
    assert (stored["account_id"], stored["user_id"]) == ("acme", "jo")


async def test_a_release_that_was_not_appended_is_appended_by_the_next_worker_and_counts_once(scene: Scene) -> None:
    await scene.send(track(scene, **CANDIDATES))
    async with scene.working():
        await scene.settled()
    await scene.send(Mapping(alias="zendesk:user:5", account_id="acme"))
    scene.log.refused_topics = {EVENTS}
    async with scene.working():

        async def kept() -> bool:
            return await scene.count(tables.outbox) > 0

        await until(kept, "the mapping on its way to where the event waits")
    scene.log.refused_topics = set()
    async with scene.working():
        await scene.settled()
    assert await accounts_of_runs(scene) == ["acme"]
    assert (await scene.count(tables.unassigned), await scene.count(tables.event)) == (0, 1)


async def test_records_that_a_crash_appended_twice_change_nothing(scene: Scene) -> None:
    await scene.send(track(scene, **CANDIDATES), track(scene, "user:jo"))
    async with scene.working():
        await scene.settled()
        await scene.send(Mapping(alias="zendesk:org:99", same_as="user:jo"), Mapping(alias="user:jo", account_id="acme"))
        await scene.settled()
        for _ in range(2):
            await scene.send(*await scene.events())
            await scene.settled()
    assert await accounts_of_runs(scene) == ["acme", "acme"]
    assert (await scene.count(tables.unassigned), await scene.count(tables.event)) == (0, 2)


async def test_in_a_log_opened_for_replay_a_resolved_event_keeps_the_writers_time(database: AsyncEngine, replay_log: Log) -> None:
    scene = Scene(database, replay_log)
    await scene.send(Mapping(alias="user:jo", account_id="acme"), at=1_000)
    await scene.send(track(scene), at=2_000)
    async with scene.working():
        await scene.settled()
    [stored] = await scene.rows(tables.event)
    assert (stored["occurred_at"], stored["received_at"]) == (2_000, 2_000)
    assert [run.opened_at for run in await scene.runs()] == [2_000]


@pytest.mark.parametrize(
    ("alias", "domain"),
    [
        ("email:jo@acme.example", "domain:acme.example"),
        ("email:Jo@ACME.example", "domain:acme.example"),
        ("email:jo@gmail.com", None),
        ("email:jo@localhost", None),
        ("email:acme.example", None),
        ("user:jo@acme.example", None),
    ],
)
def test_the_domain_of_an_address(alias: str, domain: str | None) -> None:
    assert domain_of(alias) == domain


def test_a_mapping_that_says_nothing_means_nothing() -> None:
    assert meaning_of(Mapping(alias="user:a")) is None
    assert meaning_of(Mapping(alias="user:a", same_as="user:a")) is None
    assert meaning_of(Mapping(alias="user:a", same_as="user:b")) == Meaning(None, "user:b")


@pytest.mark.parametrize(
    ("said", "known", "means"),
    [
        (Meaning("zen", None), Meaning("acme", None), Meaning("zen", None)),
        (Meaning("zen", None), Meaning(None, "user:b"), Meaning("zen", "user:b")),
        (Meaning(None, "user:b"), Meaning("acme", None), Meaning("acme", "user:b")),
        (Meaning(None, "user:c"), Meaning(None, "user:b"), Meaning(None, "user:c")),
        (Meaning(None, "domain:a.example"), Meaning(None, "user:b"), Meaning(None, "user:b")),
        (Meaning(None, "domain:a.example"), Meaning(None, "domain:b.example"), Meaning(None, "domain:a.example")),
        (Meaning(None, "user:b"), Meaning(None, "domain:a.example"), Meaning(None, "user:b")),
        (Meaning(None, "domain:a.example"), None, Meaning(None, "domain:a.example")),
    ],
)
def test_what_is_said_and_what_is_known_mean_together(said: Meaning, known: Meaning | None, means: Meaning) -> None:
    assert together(said, known) == means


def test_the_person_behind_an_old_id_is_the_new_one() -> None:
    event = Event(id="1", name="page.viewed", source="s", about="user:old", user_id="old")
    onward = forward(event, Meaning(None, "user:new"), at=9)
    assert onward is not None
    assert (onward.about, onward.user_id, onward.via, onward.received_at) == ("user:new", "new", ("user:old",), 9)


def test_aliases_are_tried_in_turn_and_domains_last() -> None:
    event = Event(id="1", name="ticket.created", source="s", about="email:jo@acme.example", else_about=("zendesk:org:9",))
    asked, onward = [event.about], forward(event, None, at=9)
    while onward is not None:
        asked.append(onward.about)
        onward = forward(onward, None, at=9)
    assert asked == ["email:jo@acme.example", "zendesk:org:9", "domain:acme.example"]


def test_an_alias_that_was_asked_is_not_asked_again() -> None:
    event = Event(id="1", name="ticket.created", source="s", about="user:b", via=("user:a",), else_about=("user:a", "user:c"))
    onward = forward(event, Meaning(None, "user:a"), at=9)
    assert onward is not None
    assert (onward.about, onward.else_about) == ("user:c", ())

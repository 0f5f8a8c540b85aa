import pytest

from shared.instants import show_instant
from shared.records import Applied, Paused, Resumed
from tests.console.conftest import NOW, Console, MakeConsole


async def test_applying_says_what_it_changed(console: Console):
    assert await console.apply({"a": "one", "b": "one"}) == {"a": "created", "b": "created"}
    assert await console.apply({"a": "one", "b": "two", "c": "one"}) == {"a": "unchanged", "b": "changed", "c": "created"}
    assert await console.apply({"b": "two"}) == {"a": "archived", "b": "unchanged", "c": "archived"}
    assert await console.apply({"a": "one", "b": "two"}) == {"a": "restored", "b": "unchanged"}


async def test_applying_the_same_again_writes_nothing(console: Console):
    await console.apply({"a": "one"})
    before = await console.records()
    outcome = await console.post("/plays/apply", {"files": {"plays/a.yaml": "one"}})
    assert outcome["workspace_version"] == 1
    assert await console.records() == before


async def test_every_partition_hears_the_whole_set(console: Console):
    await console.apply({"a": "one"})
    await console.apply({"a": "two", "b": "one"})
    for records in (await console.records()).values():
        first, second = records
        assert isinstance(first, Applied)
        assert isinstance(second, Applied)
        assert [(play.play, play.version) for play in first.plays] == [("a", 1)]
        assert [(play.play, play.version) for play in second.plays] == [("a", 2), ("b", 1)]
        assert second.plays[0].document == {"play": "a", "title": "two"}
        assert second.listening_since == first.listening_since == NOW


async def test_a_workspace_with_a_problem_changes_nothing(console: Console):
    await console.apply({"a": "one"})
    refused = await console.ask("POST", "/plays/apply", json={"files": {"plays/a.yaml": "two", "plays/b.yaml": "bad"}})
    assert refused.status_code == 422
    assert [(found["file"], found["line"]) for found in refused.json()["problems"]] == [("plays/b.yaml", 1)]
    assert [(play["play"], play["version"]) for play in (await console.get("/plays"))["items"]] == [("a", 1)]


async def test_checking_changes_nothing(console: Console):
    found = await console.post("/plays/check", {"files": {"plays/a.yaml": "one", "plays/b.yaml": "bad"}})
    assert (found["ok"], found["plays"], len(found["problems"])) == (False, ["a"], 1)
    assert (await console.get("/plays"))["items"] == []
    assert await console.records() == {0: [], 1: []}


async def test_a_play_shows_its_file_and_its_versions(console: Console):
    await console.apply({"a": "one"}, by="ana@acme.example", commit="c0ffee")
    await console.apply({"a": "two"})
    play = await console.get("/plays/a")
    assert (play["version"], play["source"], play["document"]["title"]) == (2, "two", "two")
    assert [(version["version"], version["commit"]) for version in play["versions"]] == [(2, None), (1, "c0ffee")]
    assert play["versions"][1]["applied_by"] == "ana@acme.example"
    assert play["applied_at"] == show_instant(NOW)


async def test_an_archived_play_is_listed_only_when_asked_for(console: Console):
    await console.apply({"a": "one", "b": "one"})
    await console.apply({"b": "one"})
    assert [play["play"] for play in (await console.get("/plays"))["items"]] == ["b"]
    everything = (await console.get("/plays", archived=True))["items"]
    assert [(play["play"], play["archived"]) for play in everything] == [("a", True), ("b", False)]


async def test_pausing_is_a_record_in_every_partition_and_doing_it_twice_is_one(console: Console):
    await console.apply({"a": "one"})
    assert (await console.post("/plays/a/pause"))["paused"] is True
    await console.post("/plays/a/pause")
    assert (await console.get("/plays"))["items"][0]["paused"] is True
    await console.post("/plays/a/resume")
    for records in (await console.records()).values():
        assert records[1:] == [Paused(play="a"), Resumed(play="a")]


async def test_a_paused_play_stays_paused_when_its_file_changes_and_not_when_it_was_archived(console: Console):
    await console.apply({"a": "one"})
    await console.post("/plays/a/pause")
    await console.apply({"a": "two"})
    assert (await console.get("/plays/a"))["paused"] is True
    await console.apply({})
    await console.apply({"a": "two"})
    assert (await console.get("/plays/a"))["paused"] is False
    assert Resumed(play="a") in (await console.records())[0]


async def test_a_play_that_is_not_there_cannot_be_paused(console: Console):
    assert (await console.ask("POST", "/plays/nobody/pause")).status_code == 404
    await console.apply({"a": "one"})
    await console.apply({})
    assert (await console.ask("POST", "/plays/a/pause")).status_code == 404


async def test_what_was_applied_while_the_log_was_away_is_published_when_it_is_back(console: Console):
    await console.apply({"a": "one"})
    console.log.away = True
    outcome = await console.post("/plays/apply", {"files": {"plays/a.yaml": "two"}})
    assert outcome["published"] is False
    assert await console.parts.publisher.publish() is False
    console.log.away = False
    assert await console.parts.publisher.publish() is True
    assert await console.parts.publisher.publish() is True
    assert [len(records) for records in (await console.records()).values()] == [2, 2]


async def test_a_changed_destination_is_a_new_workspace_but_no_record(console: Console):
    await console.apply({"a": "one"})
    outcome = await console.post("/plays/apply", {"files": {"plays/a.yaml": "one", "successplays.yaml": "hooks"}})
    assert outcome["workspace_version"] == 2
    assert [len(records) for records in (await console.records()).values()] == [1, 1]
    listed = (await console.get("/destinations"))["items"]
    assert [(one["destination"], one["kind"], one["state"]) for one in listed] == [
        ("hooks", "webhook", "active"),
        ("inbox", "inbox", "active"),
    ]


async def test_only_a_replayed_log_takes_the_time_of_a_record(console: Console):
    refused = await console.ask("POST", "/plays/apply", json={"files": {}, "at": "2026-01-01T00:00:00Z"})
    assert (refused.status_code, refused.json()["code"]) == (409, "live_log")


async def test_in_a_replayed_log_listening_begins_with_the_first_apply(make_console: MakeConsole):
    console = await make_console(replay=True)
    await console.apply({"a": "one"}, at="2025-06-01T00:00:00Z")
    await console.apply({"a": "two"}, at="2025-06-02T00:00:00Z")
    for records in (await console.records()).values():
        assert [show_instant(one.listening_since) for one in records if isinstance(one, Applied)] == ["2025-06-01T00:00:00Z"] * 2


async def test_a_promotion_is_shown_in_every_listing(console: Console):
    await console.apply({"a": "one"})
    promoted = await console.post("/plays/a/promote", {"mode": "shadow", "rollout": "25%"})
    assert promoted == {"play": "a", "mode": "shadow", "rollout": "25%", "published": True}
    [shown] = (await console.get("/plays"))["items"]
    assert (shown["mode"], shown["rollout"], shown["version"]) == ("shadow", "25%", 2)
    assert shown["promoted"] == {"mode": "shadow", "rollout": "25%"}
    await console.post("/plays/a/promote", {"mode": "live"})
    assert (await console.get("/plays/a"))["promoted"] == {"mode": "live", "rollout": "25%"}
    await console.post("/plays/a/promote", {"mode": "live"})
    assert [len(records) for records in (await console.records()).values()] == [3, 3]


@pytest.mark.parametrize("wrong", [{}, {"mode": "draft"}, {"rollout": "half"}, {"rollout": "101%"}, {"share": "1%"}])
async def test_a_promotion_says_a_mode_or_a_share(console: Console, wrong: dict[str, str]):
    await console.apply({"a": "one"})
    assert (await console.ask("POST", "/plays/a/promote", json=wrong)).status_code == 400
    assert (await console.ask("POST", "/plays/nobody/promote", json={"mode": "live"})).status_code == 404

"""Events without an account: people see whom they are about, and say whose they are."""

from typing import Any

from shared.db.tables import account, alias, unassigned
from shared.instants import show_instant
from shared.records import Event, Mapping, encode
from tests.console.conftest import NOW, Console
from tests.console.test_records import write


def waiting(about: str, name: str = "ticket.created", at: int = NOW, via: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    event = Event(**{"id": f"{about}@{at}", "source": "zendesk", **fields}, name=name, about=about, via=via)
    row = {"about": about, "source": event.source, "id": event.id, "name": name, "partition": 0, "received_at": at}
    return {**row, "record": encode(event)}


async def test_they_are_told_by_whom_they_are_about_the_most_first(console: Console):
    came = ("zendesk:org:9", "email:jo@acme.example")
    rows = [waiting("domain:acme.example", at=NOW + 1, via=came), waiting("domain:acme.example", "nps.answered", NOW + 2)]
    await write(console, unassigned, *rows, waiting("user:u1", at=NOW + 3, source="api"))
    found = await console.get("/unassigned")
    assert (found["events"], found["aliases"]) == (3, 2)
    assert found["by_name"] == [
        {"name": "nps.answered", "events": 1, "oldest": show_instant(NOW + 2)},
        {"name": "ticket.created", "events": 2, "oldest": show_instant(NOW + 1)},
    ]
    first, second = found["by_alias"]
    assert first == {
        "alias": "domain:acme.example",
        "also": list(came),
        "events": 2,
        "oldest": show_instant(NOW + 1),
        "newest": show_instant(NOW + 2),
        "names": ["nps.answered", "ticket.created"],
        "sources": ["zendesk"],
    }
    assert (second["alias"], second["sources"], second["also"]) == ("user:u1", ["api"], [])
    assert [one["alias"] for one in (await console.get("/unassigned", limit=1))["by_alias"]] == ["domain:acme.example"]


async def test_an_alias_is_assigned_by_a_mapping_in_the_log(console: Console):
    await write(console, account, {"account_id": "acme", "partition": 0, "traits": "{}", "first_seen_at": NOW})
    await write(console, unassigned, waiting("domain:acme.example"))
    told = await console.post("/aliases", {"alias": "domain:ACME.example", "account_id": "acme"})
    assert told == {"alias": "domain:acme.example", "account_id": "acme", "waiting": 1, "published": True}
    [record] = [record for records in (await console.records()).values() for record in records]
    assert record == Mapping(alias="domain:acme.example", account_id="acme")


async def test_an_account_nobody_has_heard_of_is_most_likely_misspelt(console: Console):
    await write(console, account, {"account_id": "acme", "partition": 0, "traits": "{}", "first_seen_at": NOW})
    answer = await console.ask("POST", "/aliases", json={"alias": "zendesk:org:9", "account_id": "acmee"})
    assert (answer.status_code, "did you mean acme" in answer.text) == (404, True)
    assert (await console.post("/aliases", {"alias": "zendesk:org:9", "account_id": "bolt", "new": True}))["published"]


async def test_what_is_no_alias_is_said(console: Console):
    for text in ("acme", "domain:acme", "domain:gmail.com", "email:acme.example", ":", "zendesk:"):
        answer = await console.ask("POST", "/aliases", json={"alias": text, "account_id": "acme", "new": True})
        assert (answer.status_code, answer.json()["code"]) == (400, "alias_invalid"), text
    given = {"alias": "zendesk:org:9", "account_id": "acme", "new": True}
    assert (await console.ask("POST", "/aliases", kind="read", json=given)).status_code == 403


async def test_what_is_known_of_accounts_and_aliases_is_told(console: Console):
    await write(console, account, {"account_id": "acme", "partition": 0, "traits": '{"plan":"pro"}', "first_seen_at": NOW})
    row = {"partition": 0, "since": NOW, "same_as": None}
    known = {**row, "alias": "zendesk:org:9", "account_id": "acme"}
    await write(console, alias, known, {**row, "alias": "email:jo@acme.example", "account_id": None, "same_as": "user:jo"})
    asked = {"account_ids": ["acme", "bolt"], "aliases": ["zendesk:org:9", "email:jo@acme.example"]}
    assert await console.post("/accounts/known", asked) == {
        "accounts": {"acme": {"plan": "pro"}},
        "aliases": {"zendesk:org:9": "acme"},
    }
    [shown] = await console.get("/aliases", account="acme")
    assert shown == {"alias": "zendesk:org:9", "account_id": "acme", "since": show_instant(NOW)}


async def test_a_key_for_web_pages_is_made_and_shown(console: Console):
    made = await console.post("/keys", {"kind": "write", "origins": ["https://app.acme.example"], "events": ["report.*"]})
    assert (made["origins"], made["traits"]) == (["https://app.acme.example"], False)
    some = await console.post("/keys", {"kind": "write", "traits": ["plan"]})
    assert (some["traits"], (await console.post("/keys", {"kind": "write"}))["traits"]) == (["plan"], True)
    for wrong in ({"origins": ["acme.example"]}, {"kind": "admin", "origins": ["https://app.acme.example"]}):
        answer = await console.ask("POST", "/keys", json={"kind": "write", **wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "key_invalid")

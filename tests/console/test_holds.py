"""Mutes, and deliveries that are held: people see why, and decide."""

from typing import Any

from shared.db.tables import account, delivery
from shared.instants import DAY, show_instant
from tests.console.conftest import NOW, Console
from tests.console.test_records import a_delivery, write

TOMORROW = show_instant(NOW + DAY)
MUTE = {"until": TOMORROW, "reason": "in talks with legal"}


async def mute(console: Console, account_id: str = "acme", **given: Any) -> Any:
    await write(console, account, {"account_id": account_id, "partition": 0, "traits": "{}", "first_seen_at": NOW})
    answer = await console.ask("PUT", f"/accounts/{account_id}/mute", json={**MUTE, **given})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_mute_is_shown_on_its_account_until_it_is_lifted(console: Console):
    assert (await mute(console))["until"] == TOMORROW
    assert (await console.get("/accounts/acme"))["muted"]["reason"] == "in talks with legal"
    assert [one["account_id"] for one in await console.get("/mutes")] == ["acme"]
    assert (await console.ask("DELETE", "/accounts/acme/mute")).status_code == 204
    assert (await console.get("/accounts/acme"))["muted"] is None
    assert (await console.ask("DELETE", "/accounts/acme/mute")).status_code == 404


async def test_a_mute_needs_an_account_a_future_and_a_reason(console: Console):
    assert (await console.ask("PUT", "/accounts/nobody/mute", json=MUTE)).status_code == 404
    await mute(console)
    for wrong in ({"until": show_instant(NOW)}, {"until": "soon"}, {"reason": ""}, {"because": "x"}):
        answer = await console.ask("PUT", "/accounts/acme/mute", json={**MUTE, **wrong})
        assert answer.status_code == 400, answer.text
    assert (await console.ask("PUT", "/accounts/acme/mute", kind="read", json=MUTE)).status_code == 403


async def test_what_a_mute_holds_is_looked_at_when_it_is_lifted(console: Console):
    await mute(console)
    held = a_delivery("d1", "held", reason="muted until tomorrow: x", due_at=NOW + DAY)
    await write(console, delivery, held, a_delivery("d2", "held", reason="guard.max_runs: 2", due_at=NOW + DAY))
    await console.ask("DELETE", "/accounts/acme/mute")
    assert {one["delivery_id"]: one["due_at"] for one in (await console.get("/deliveries"))["items"]} == {
        "d1": show_instant(NOW),
        "d2": TOMORROW,
    }


async def test_a_held_delivery_is_released_or_dropped_once(console: Console):
    await write(console, delivery, *(a_delivery(name, "held", reason="guard.max_runs: 2") for name in ("d1", "d2")))
    released = await console.post("/deliveries/d1/release")
    assert (released["state"], released["due_at"]) == ("waiting", show_instant(NOW))
    dropped = await console.post("/deliveries/d2/drop")
    assert (dropped["state"], dropped["reason"].split()[0]) == ("stopped", "dropped")
    for path in ("/deliveries/d1/release", "/deliveries/d2/drop"):
        again = await console.ask("POST", path)
        assert (again.status_code, again.json()["code"]) == (409, "delivery_not_held")


async def test_while_an_account_is_muted_nothing_of_it_is_released(console: Console):
    await mute(console)
    await write(console, delivery, a_delivery("d1", "held", reason="muted until tomorrow: x"))
    answer = await console.ask("POST", "/deliveries/d1/release")
    assert (answer.status_code, answer.json()["code"]) == (409, "account_muted")

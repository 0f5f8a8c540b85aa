from typing import Any

import pytest

from tests.console.conftest import Console

READS = ["/plays", "/runs", "/decisions", "/accounts", "/unassigned", "/tasks", "/deliveries", "/dead-letters", "/destinations"]
CHANGES = [
    ("/plays/check", "apply"),
    ("/plays/apply", "apply"),
    ("/plays/p/pause", "apply"),
    ("/plays/p/resume", "apply"),
    ("/plays/p/runs", "run"),
    ("/tasks/t/done", "admin"),
    ("/tasks/t/reassign", "admin"),
    ("/deliveries/d/retry", "admin"),
    ("/dead-letters/d/redrive", "admin"),
    ("/dead-letters/d/discard", "admin"),
    ("/destinations/d/enable", "admin"),
    ("/keys", "admin"),
    ("/keys/k/revoke", "admin"),
]
BODIES: dict[str, Any] = {
    "/plays/check": {"files": {}},
    "/plays/apply": {"files": {}},
    "/keys": {"kind": "read"},
    "/plays/p/runs": {"account_id": "acme"},
    "/tasks/t/reassign": {"assignee": "a"},
}


async def test_every_kind_of_wrong_key_gets_the_same_answer(console: Console):
    headers = [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}]
    made = await console.post("/keys", {"kind": "admin"})
    await console.post(f"/keys/{made['key_id']}/revoke")
    headers.append({"Authorization": f"Bearer {made['key']}"})
    answers = [await console.http.get("/api/v1/runs", headers=given) for given in headers]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert answers[0].headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", READS)
async def test_a_key_that_may_read_looks_and_one_that_only_writes_does_not(console: Console, path: str):
    assert (await console.ask("GET", path, "read")).status_code == 200
    refused = await console.ask("GET", path, "write")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("path", "scope"), CHANGES)
async def test_each_change_needs_its_scope(console: Console, path: str, scope: str):
    answers = {
        kind: (await console.ask("POST", path, kind, json=BODIES.get(path))).status_code
        for kind in ("read", "apply", "run", "admin")
    }
    allowed = {"apply": ("apply", "admin"), "run": ("run", "admin"), "admin": ("admin",)}[scope]
    assert {kind for kind, status in answers.items() if status != 403} == set(allowed)


async def test_a_key_is_shown_once_and_kept_as_a_hash(console: Console):
    made = await console.post("/keys", {"kind": "write", "source": "backend", "events": ["ticket.*"], "traits": False})
    listed = {key["key_id"]: key for key in (await console.get("/keys"))["items"]}
    assert made["key"].startswith("sp_write_")
    assert "key" not in listed[made["key_id"]]
    assert listed[made["key_id"]]["source"] == "backend"
    assert made["key"] not in str(listed)


async def test_a_pattern_that_matches_no_event_makes_no_key(console: Console):
    refused = await console.ask("POST", "/keys", json={"kind": "write", "events": ["Ticket*created"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "key_invalid")


async def test_a_request_that_is_not_what_openapi_says_names_the_place(console: Console):
    refused = await console.ask("POST", "/keys", json={"kind": "root"})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/body/kind"
    unknown = await console.ask("GET", "/runs", params={"acount": "a"})
    assert unknown.json()["errors"][0]["pointer"] == "/query/acount"


async def test_a_body_without_end_is_refused(console: Console):
    files = {"plays/a.yaml": "x" * 17_000_000}
    assert (await console.ask("POST", "/plays/check", json={"files": files})).status_code == 413


async def test_openapi_describes_every_path(console: Console):
    described = (await console.http.get("/api/v1/openapi.json")).json()["paths"]
    assert {f"/api/v1{path}" for path in READS} <= set(described)
    assert all("summary" in verb or "description" in verb for path in described.values() for verb in path.values())

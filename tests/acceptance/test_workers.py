"""Two rules workers on Kafka; one is killed, then one is added. And the same log once more, through `plays backtest`."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.clock import wall_clock
from shared.instants import show_instant
from tests.acceptance.beats import Beats
from tests.acceptance.deployment import Deploy, Deployment
from tests.acceptance.receiver import Receiver
from tests.acceptance.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SESSION_TIMEOUT = 6
HELD = "successplays_rules_partitions"
COMPARED = ("run_id", "play", "version", "subject", "account_id", "user_id", "opened_at", "resolved_at", "arm", "evidence")

EXPORTED = (
    *("position", "id", "name", "source", "account_id", "user_id", "occurred_at", "received_at"),
    *("properties", "traits", "user_traits"),
)


@dataclass
class Life:
    deployment: Deployment
    receiver: Receiver
    beats: Beats
    recovered_after: float
    joined_after: float
    # The receipt of the last event, and when there was nothing left to do; instants.
    last_event: int
    ended: int


@pytest.fixture(scope="module")
def life(deploy: Deploy) -> Iterator[Life]:
    with deploy("kafka", "seconds", SUCCESSPLAYS_SESSION_TIMEOUT=str(SESSION_TIMEOUT)) as (deployment, receiver):
        beats = Beats(deployment, "two workers")
        first, second = deployment.services["rules"], deployment.add("rules-2", ("rules",))
        second.start()
        beats.begin()
        beats.until(lambda: held(deployment, "rules", "rules-2") == [2, 2], "two workers share the partitions", 40)
        beats.going_for(3)
        second.kill()
        lost = beats.probe()
        recovered_after = beats.until(lambda: lost <= set(deployment.stored.ids("probe.sent")), "the survivor has taken over", 40)
        third = deployment.add("rules-3", ("rules",))
        third.start()
        third.wait_ready()
        joined_after = beats.until(lambda: held(deployment, "rules", "rules-3") == [2, 2], "the new worker has its share", 40)
        beats.going_for(3)
        assert first.metric(HELD) == 2
        deployment.stored.wait_until_done(len(beats.ids))
        deadlines = "SELECT count(*) FROM subject WHERE next_deadline IS NOT NULL"
        eventually(lambda: deployment.stored.rows(deadlines) == [(0,)], "every deadline has passed", 60)
        deployment.stored.wait_until_done(len(beats.ids))
        last = deployment.stored.rows("SELECT max(received_at) FROM event")[0][0]
        yield Life(deployment, receiver, beats, recovered_after, joined_after, last, wall_clock())


def held(deployment: Deployment, *names: str) -> list[float]:
    """How many partitions each worker has."""
    return [deployment.services[name].metric(HELD) for name in names]


def test_the_survivor_takes_over_within_the_session_timeout_and_15_s(life: Life) -> None:
    assert life.recovered_after < SESSION_TIMEOUT + 15
    assert life.joined_after < SESSION_TIMEOUT + 15


def test_no_event_is_lost_and_none_counts_twice(life: Life) -> None:
    assert Counter(life.deployment.stored.ids()) == dict.fromkeys(life.beats.ids, 1)
    assert life.deployment.ask("unassigned")["events"] == 0
    assert life.deployment.pages("dead-letters") == []


def test_every_bad_answer_is_one_run_or_a_decision_why_not(life: Life) -> None:
    bad = [item for item in life.beats.sent.values() if item["name"] == "answer.given" and item["properties"]["score"] <= 6]
    runs = life.deployment.runs(play="bad-answer")
    stale = life.deployment.pages("decisions", play="bad-answer", reason="stale")
    assert len(runs) > 10
    assert len(stale) > 0
    assert len({run["run_id"] for run in runs}) + len(stale) == len(bad)


def test_every_run_is_delivered_and_made_one_object(life: Life) -> None:
    delivered = [one for one in life.deployment.pages("deliveries", destination="hooks") if one["state"] == "delivered"]
    assert {one["delivery_id"] for one in delivered} == set(life.receiver.objects)
    assert set(life.receiver.came.values()) == {1}
    assert set(life.receiver.made_for().values()) == {1}


def test_the_same_log_through_a_backtest_gives_the_same_runs_byte_for_byte(life: Life, tmp_path: Path) -> None:
    history, replayed = tmp_path / "history.jsonl", tmp_path / "runs.jsonl"
    history.write_text("".join(f"{json.dumps(line)}\n" for line in exported(life.deployment)))
    summary = life.deployment.command(
        *("plays", "backtest", str(life.deployment.workspace), "--events", str(history)),
        *("--until", show_instant(life.ended), "--runs", str(replayed)),
    )
    assert summary["events"] == len(life.beats.ids)
    live = life.deployment.runs()
    again = [json.loads(line) for line in replayed.read_text().splitlines()]
    assert canonical(live) == canonical(again)
    # Both kinds were in it: opened by events, and by deadlines that only ticks could pass.
    received = {show_instant(at) for (at,) in life.deployment.stored.rows("SELECT received_at FROM event")}
    assert {"bad-answer", "burst", "quiet", "quiet-user", "late-start", "renewal", "stuck", "few", "ticket"} == {
        run["play"] for run in live
    }
    assert any(run["opened_at"] in received for run in live)
    assert any(run["opened_at"] > show_instant(life.last_event) for run in live)


def exported(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """The history as it is posted to `/v1/events`, with when and where the log had each event."""
    for row in deployment.stored.rows(f"SELECT {', '.join(EXPORTED)} FROM event"):
        line = dict(zip(("seq", *EXPORTED[1:]), row, strict=True))
        line |= {field: show_instant(line[field]) for field in ("occurred_at", "received_at")}
        line |= {field: json.loads(line[field]) for field in ("properties", "traits", "user_traits") if line[field] is not None}
        yield {field: value for field, value in line.items() if value is not None}


def canonical(runs: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps({field: run[field] for field in COMPARED}, sort_keys=True) for run in runs)

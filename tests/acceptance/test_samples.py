"""The sample plays on ninety days of events, in a log opened for replay: each makes exactly one task, with its evidence."""

import pytest

from tests.acceptance.deployment import BACKENDS
from tests.acceptance.lives import Lives
from tests.acceptance.story import SAMPLES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_sample_play_makes_one_task_with_its_evidence(lives: Lives, backend: str) -> None:
    outcome = lives.undisturbed(backend)
    found = {
        account_id: [(task["play"], task["opened_at"], task["title"], task["evidence"]) for task in outcome.inbox(account_id)]
        for account_id in SAMPLES
    }
    assert found == {
        # The week until day 74 has 3 days with 4 exports and 4 days with one; before it were weeks of 28.
        "northwind": [
            (
                "usage-drop",
                "2026-03-16T00:00:00Z",
                "Northwind: exports down 43%",
                {"current": 16, "baseline": 28.0, "drop": 0.428571},
            )
        ],
        # Two weeks after onboarding began in day 60.
        "fernhill": [
            (
                "slow-onboarding",
                "2026-03-16T00:00:00Z",
                "Fernhill: missing first report and team of three",
                {
                    "since": "2026-03-02T00:00:00Z",
                    "missing": ["first report", "team of three"],
                    "reached": {"first report": 0, "team of three": 1},
                },
            )
        ],
        "castor": [
            (
                "urgent-ticket",
                "2026-03-30T00:00:00Z",
                "Urgent ticket T-2",
                {"event": "ticket.created", "occurred_at": "2026-03-30T00:00:00Z", "priority": "urgent"},
            )
        ],
        "birchwood": [
            (
                "nps-detractor",
                "2026-03-23T00:00:00Z",
                "ben gave 6 of 10",
                {"event": "nps.answered", "occurred_at": "2026-03-23T00:00:00Z", "score": 6},
            )
        ],
        # Two weeks after the last login, 67 days before the renewal.
        "quillon": [
            (
                "quiet-renewal",
                "2026-03-25T01:00:00Z",
                "Renewal in 67 days, silent for 14",
                {
                    "date": "2026-05-31T00:00:00Z",
                    "days_left": 66.958333,
                    "last_seen": "2026-03-11T01:00:00Z",
                    "silent_days": 14.0,
                },
            )
        ],
        "harbor": [],
        "orchard": [],
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_run_is_delivered_once_and_nothing_is_given_up(lives: Lives, backend: str) -> None:
    outcome = lives.undisturbed(backend)
    assert outcome.dead_letters == []
    assert outcome.receiver.forged == []
    assert set(outcome.receiver.came) == outcome.sent_to_hooks()
    assert set(outcome.receiver.made_for().values()) == {1}
    assert {task["assignee"] for task in outcome.inbox("northwind")} == {"ana@acme.example"}


def test_both_backends_decide_the_same(lives: Lives) -> None:
    embedded, kafka = (lives.undisturbed(backend) for backend in BACKENDS)
    assert len(embedded.runs) > 300
    assert embedded.runs == kafka.runs
    assert embedded.decisions == kafka.decisions

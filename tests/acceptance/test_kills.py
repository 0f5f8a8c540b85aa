"""kill -9 of each process at random points, 20 times over 10,000 events: nothing is lost, nothing happens twice."""

import pytest

from tests.acceptance.deployment import BACKENDS
from tests.acceptance.lives import Lives

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.parametrize("backend", BACKENDS)]


def test_runs_ids_and_evidence_are_those_of_an_undisturbed_run(lives: Lives, backend: str) -> None:
    undisturbed, killed = lives.undisturbed(backend), lives.killed(backend)
    assert killed.runs == undisturbed.runs
    assert killed.decisions == undisturbed.decisions
    assert killed.dead_letters == []


def test_the_receiver_has_each_delivery_and_each_task_once(lives: Lives, backend: str) -> None:
    killed = lives.killed(backend)
    receiver = killed.receiver
    assert killed.sent_to_hooks() <= set(receiver.objects)
    assert set(receiver.made_for().values()) == {1}
    assert receiver.forged == []
    # It did misbehave, and what was sent again had the same id.
    assert max(receiver.came.values()) > 1


def test_each_run_that_lasts_has_one_task_in_the_inbox_and_one_at_the_receiver(lives: Lives, backend: str) -> None:
    killed = lives.killed(backend)
    lasting = {run["run_id"] for run in killed.runs if run["resolved_at"] is None}
    assert len(lasting) > 100
    inbox = [task["run_id"] for task in killed.inbox()]
    assert len(inbox) == len(set(inbox))
    assert lasting <= set(inbox)
    made = killed.receiver.made_for()
    assert {run_id: made[run_id, "1"] for run_id in lasting} == dict.fromkeys(lasting, 1)

"""The story, lived through by whole deployments: undisturbed, or while their processes are killed. Each once for all tests."""

import random
import threading
from contextlib import ExitStack

from tests.acceptance.deployment import BACKENDS, SERVICES, Deploy, Deployment
from tests.acceptance.outcome import Outcome, outcome_of
from tests.acceptance.receiver import Receiver, forgetful
from tests.acceptance.story import EVENTS, as_sent, story

KILLS = 20
AT_ONCE = 250
AT_ONCE_WHEN_KILLED = 50
# A kill comes at a random time after its point in the story, seconds at most.
LATEST = 0.2
# Without kills: runs do not depend on how the log is cut into partitions.
PARTITIONS = {"embedded": "1", "kafka": "3"}
TOPICS = {"rules": ("events",), "actions": ("runs",), "up": ("events", "runs")}


class Lives:
    def __init__(self, deploy: Deploy) -> None:
        self._deploy = deploy
        self._undisturbed: dict[str, Outcome] = {}
        self._killed: dict[str, Outcome] = {}

    def undisturbed(self, backend: str) -> Outcome:
        if backend not in self._undisturbed:
            variables = {"SUCCESSPLAYS_REPLAY": "1", "SUCCESSPLAYS_PARTITIONS": PARTITIONS[backend]}
            with self._deploy(backend, "story", **variables) as (deployment, receiver):
                for request in as_sent(story(), AT_ONCE):
                    deployment.send(request)
                deployment.stored.wait_until_done(EVENTS)
                self._undisturbed[backend] = outcome_of(deployment, receiver)
        return self._undisturbed[backend]

    def killed(self, backend: str) -> Outcome:
        """What was under way at a kill waits for its lease to run out, a minute: on both backends at the same time."""
        if not self._killed:
            with ExitStack() as stack:
                lived: dict[str, tuple[Deployment, Receiver]] = {}
                for each in BACKENDS:
                    lived[each] = stack.enter_context(self._deploy(each, "story", forgetful, SUCCESSPLAYS_REPLAY="1"))
                    _live_through_kills(lived[each][0], random.Random(f"kills on {each}"))
                for each, (deployment, receiver) in lived.items():
                    deployment.stored.wait_until_done(EVENTS, within=100)
                    self._killed[each] = outcome_of(deployment, receiver)
        return self._killed[backend]


def _live_through_kills(deployment: Deployment, dice: random.Random) -> None:
    requests = as_sent(story(), AT_ONCE_WHEN_KILLED)
    points = sorted(dice.sample(range(1, len(requests)), KILLS))
    names = dict(zip(points, _in_random_order(dice), strict=True))
    killers = {name: _Killer(deployment, name) for name in deployment.services}
    for place, request in enumerate(requests):
        if place in names:
            killers[names[place] if names[place] in killers else "up"].kill_after(dice.uniform(0, LATEST))
        deployment.send(request)
    for killer in killers.values():
        killer.wait_until_at_work()
    assert sum(killer.kills for killer in killers.values()) == KILLS


def _in_random_order(dice: random.Random) -> list[str]:
    """Each service as often as any other; `actions` in the first half, so that its leases run out while others are killed."""
    times = KILLS // len(SERVICES)
    others = [name for name in SERVICES if name != "actions"] * times
    dice.shuffle(others)
    first = others[:times] + ["actions"] * times
    dice.shuffle(first)
    return first + others[times:]


class _Killer:
    """Kills one process, always while it is at work, and starts it again."""

    def __init__(self, deployment: Deployment, name: str) -> None:
        self._deployment = deployment
        self._service = deployment.services[name]
        self._topics = TOPICS.get(name, ())
        self._before: dict[str, dict[int, int]] = {topic: {} for topic in self._topics}
        self._killing: threading.Timer | None = None
        self.kills = 0

    def kill_after(self, seconds: float) -> None:
        self.wait_until_at_work()
        self._killing = threading.Timer(seconds, self._kill)
        self._killing.start()

    def wait_until_at_work(self) -> None:
        """It answers, and has taken every partition since it was started."""
        if self._killing is not None:
            self._killing.join()
        self._service.wait_ready()
        for topic in self._topics:
            self._deployment.stored.wait_until_taken(topic, self._before[topic])

    def _kill(self) -> None:
        self._service.kill()
        self._before = {topic: self._deployment.stored.epochs(topic) for topic in self._topics}
        self._service.start()
        self.kills += 1

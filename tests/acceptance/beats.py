"""Live traffic for the plays of `workspaces/seconds`: some events are heard late, some twice, some without an account."""

import base64
import random
from collections.abc import Callable
from typing import Any

from shared.clock import wall_clock
from shared.instants import SECOND, show_instant
from shared.log.contract import partition_of
from tests.acceptance.deployment import WRITE_KEY, Deployment
from tests.acceptance.stored import PARTITIONS
from tests.acceptance.waiting import eventually

ACCOUNTS = [f"account-{number:02}" for number in range(30)]
# These are known by their group only.
STRANGERS = {f"stranger-{number}": f"account-{number:02}" for number in range(5)}
SHARES = {"beat.sent": 70, "ticket.commented": 14, "answer.given": 8, "trial.began": 4, "account.updated": 4}
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{WRITE_KEY}:".encode()).decode()}

Item = dict[str, Any]


class Beats:
    """Sends, and remembers what it sent. Every look at a condition sends a little more."""

    def __init__(self, deployment: Deployment, seed: str) -> None:
        self._deployment = deployment
        self._dice = random.Random(seed)
        self.sent: dict[str, Item] = {}
        # The ids of what Segment's group calls became.
        self.groups: set[str] = set()

    def begin(self) -> None:
        """Traits of every account, and the groups of the strangers."""
        for number, account_id in enumerate(ACCOUNTS):
            traits = {"plan": "gold" if number % 3 else "free", "stage": "onboarding" if number % 4 == 0 else "adopted"}
            self._send([self._item("account.updated", account_id, traits=traits)])
        for user_id, account_id in STRANGERS.items():
            message = {"userId": user_id, "groupId": account_id, "messageId": f"group-{user_id}"}
            assert self._deployment.post(message, "/v1/group", headers=BASIC).status_code == 200
            self.groups.add(message["messageId"])

    @property
    def ids(self) -> set[str]:
        """Of all events that were sent."""
        return self.groups | self.sent.keys()

    def until(self, condition: Callable[[], object], what: str, within: float) -> float:
        """Send until the condition holds; how many seconds that took."""
        began = wall_clock()

        def look() -> object:
            self._send([self._any() for _ in range(10)])
            return condition()

        eventually(look, what, within)
        return (wall_clock() - began) / SECOND

    def going_for(self, seconds: float) -> None:
        ends = wall_clock() + round(seconds * SECOND)
        self.until(lambda: wall_clock() >= ends, "the time is over", seconds + 20)

    def probe(self) -> set[str]:
        """An event in each partition; their ids."""
        items: dict[int, Item] = {}
        for account_id in ACCOUNTS:
            items.setdefault(partition_of(account_id, PARTITIONS), self._item("probe.sent", account_id))
        self._send(list(items.values()))
        return {item["id"] for item in items.values()}

    def _send(self, items: list[Item]) -> None:
        self._deployment.send(items)
        self.sent.update((item["id"], item) for item in items)

    def _any(self) -> Item:
        if self._dice.random() < 1 / 20:
            return self.sent[self._dice.choice(list(self.sent))]
        name = self._dice.choices(
            ("beat.sent", "answer.given", "ticket.commented", "trial.began", "account.updated"), (70, 8, 14, 4, 4)
        )[0]
        item = self._item(name, self._dice.choice(ACCOUNTS), user_id=f"u{self._dice.randrange(3)}", **self._content(name))
        if self._dice.random() < 1 / 8:
            item["occurred_at"] = show_instant(wall_clock() - round(self._dice.uniform(0.5, 6) * SECOND))
        if name == "beat.sent" and self._dice.random() < 1 / 10:
            del item["account_id"]
            item["user_id"] = self._dice.choice(list(STRANGERS))
        return item

    def _content(self, name: str) -> Item:
        if name == "answer.given":
            return {"properties": {"score": self._dice.randrange(11)}}
        if name == "ticket.commented":
            return {"properties": {"ticket_id": f"T-{self._dice.randrange(60)}"}}
        if name == "account.updated":
            renewal = show_instant(wall_clock() + self._dice.randrange(2, 12) * SECOND)
            return {"traits": {"renewal_at": renewal, "stage": self._dice.choice(("onboarding", "adopted", "churned"))}}
        return {}

    def _item(self, name: str, account_id: str, **more: Any) -> Item:
        return {"id": f"b{len(self.sent):05}-{self._dice.getrandbits(24):06x}", "name": name, "account_id": account_id, **more}

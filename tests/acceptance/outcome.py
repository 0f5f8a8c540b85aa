"""What became of a story, as anybody sees it from outside."""

from dataclasses import dataclass
from typing import Any

from tests.acceptance.deployment import Deployment
from tests.acceptance.receiver import Receiver

Item = dict[str, Any]


@dataclass
class Outcome:
    runs: list[Item]
    decisions: list[Item]
    tasks: list[Item]
    deliveries: list[Item]
    dead_letters: list[Item]
    receiver: Receiver

    def inbox(self, account_id: str | None = None) -> list[Item]:
        """The inbox's tasks, of all accounts or of one."""
        return [task for task in self.tasks if task["destination"] == "inbox" and account_id in (None, task["account_id"])]

    def sent_to_hooks(self) -> set[str]:
        """The ids of the deliveries that the receiver accepted, as our side knows them."""
        return {one["delivery_id"] for one in self.deliveries if one["destination"] == "hooks" and one["state"] == "delivered"}


def outcome_of(deployment: Deployment, receiver: Receiver) -> Outcome:
    return Outcome(
        runs=deployment.runs(),
        decisions=sorted(deployment.pages("decisions"), key=lambda one: str(one["decision_id"])),
        tasks=deployment.command("tasks", "list", "--state", "all", "--limit", "5000"),
        deliveries=deployment.pages("deliveries"),
        dead_letters=deployment.pages("dead-letters"),
        receiver=receiver,
    )

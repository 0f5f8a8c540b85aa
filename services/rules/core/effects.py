"""What the engine decided while it took a record or a deadline: the shell stores it in one transaction and publishes the runs."""

import msgspec

from shared.instants import Instant
from shared.records import JsonObject, RunGoal, RunOpened, RunResolved


class Decision(msgspec.Struct, kw_only=True):
    """An edge that did not become an ordinary run, and why.

    `decision_id` is made from play, subject, cause and reason, so that taking the same edge again gives the same row.
    """

    decision_id: str
    play: str
    version: int
    account_id: str
    subject: str
    at: Instant
    reason: str  # cooldown | never | stale | holdout | shadow | rollout | paused | ignored | error
    detail: JsonObject


class Effects(msgspec.Struct):
    """Collected in the order in which they were decided."""

    opened: list[RunOpened] = []
    resolved: list[RunResolved] = []
    decisions: list[Decision] = []
    goals: list[RunGoal] = []
    # The plays that were true already when they were applied: a name for each subject.
    already: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.opened or self.resolved or self.decisions or self.goals or self.already)

"""What the engine decided while it took a record or a deadline: the shell stores it in one transaction and publishes the runs."""

from typing import NamedTuple

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
    reason: str  # cooldown | never | stale | holdout | shadow | rollout | paused | ignored | error; the shell adds repeated
    detail: JsonObject


class PeerChange(NamedTuple):
    """What an account adds to the totals of its peers: to their number from `day` on, and to what they did on that day.

    `key` names the peers (`services.rules.core.peers.PeerGroup`), `group` their value of the trait; `amount` is in millionths.
    """

    key: str
    day: int
    group: str
    members: int
    amount: int


class Effects(msgspec.Struct):
    """Collected in the order in which they were decided."""

    opened: list[RunOpened] = []
    resolved: list[RunResolved] = []
    decisions: list[Decision] = []
    goals: list[RunGoal] = []
    # The plays that were true already when they were applied: a name for each subject.
    already: list[str] = []
    peers: list[PeerChange] = []

    def __bool__(self) -> bool:
        return bool(self.opened or self.resolved or self.decisions or self.goals or self.already)

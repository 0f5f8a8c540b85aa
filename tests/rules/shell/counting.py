"""A small engine at the boundary: it counts, opens a run for each urgent ticket, and another after ten quiet seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.rules.core.effects import Decision, Effects
from services.rules.core.peers.membership import PeerGroup
from services.rules.core.peers.totals import Totals
from services.rules.core.routes import Touch
from services.rules.core.state import Account, Document, SubjectKey
from shared.instants import SECOND, Instant
from shared.records import Applied, Event, RunGoal, RunOpened, RunResolved

QUIET_FOR = 10 * SECOND


class PlayBroken(Exception):
    """What a play's mistake raises."""


@dataclass
class Counting:
    """`urgent.created` opens a run, `urgent.solved` resolves it, `urgent.thanked` is its goal, `broken` raises."""

    applied: Applied = field(default_factory=lambda: Applied(plays=[]))
    paused: frozenset[str] = frozenset()
    quiet: bool = True
    watched: frozenset[str] = frozenset()
    peers: dict[str, PeerGroup] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)

    def touches(self, event: Event) -> Touch:
        account_id = event.account_id or ""
        keys = [SubjectKey("account", account_id)]
        if event.user_id:
            keys.append(SubjectKey("user", event.user_id))
        return Touch(tuple(keys), False)

    def take(self, account: Account, event: Event, effects: Effects, at: int | None = None) -> None:
        if event.name == "broken":
            account.traits["half"] = "done"
            raise PlayBroken("this play cannot take it")
        if event.traits:
            account.traits.update(event.traits)
            account.traits_changed = True
        if event.user_traits and event.user_id:
            account.users.setdefault(event.user_id, {}).update(event.user_traits)
            account.users_changed.add(event.user_id)
        key = SubjectKey("account", account.account_id)
        document = account.subjects.setdefault(key, Document(start=event.received_at))
        document.metrics["seen"] = document.metrics.get("seen", 0) + 1
        document.metrics["plays"] = [play.play for play in self.applied.plays]
        document.next_deadline = event.received_at + QUIET_FOR if self.quiet else None
        account.changed.add(key)
        if event.user_id:
            person = SubjectKey("user", event.user_id)
            seen = account.subjects.setdefault(person, Document(start=event.received_at))
            seen.metrics["seen"] = seen.metrics.get("seen", 0) + 1
            account.changed.add(person)
        if event.name == "urgent.created":
            self._open(account, "urgent", event.received_at, event.id, document, effects)
        if event.name == "urgent.solved":
            run_id = f"urgent/{account.account_id}/{event.properties['of']}"
            effects.resolved.append(
                RunResolved(
                    run_id=run_id, account_id=account.account_id, play="urgent", resolved_at=event.received_at, reason="cleared"
                )
            )
        if event.name == "urgent.thanked":
            run_id = f"urgent/{account.account_id}/{event.properties['of']}"
            goal = RunGoal(run_id=run_id, account_id=account.account_id, play="urgent", at=event.received_at, outcome="reached")
            effects.goals.append(goal)

    def _open(self, account: Account, play: str, at: Instant, cause: str, document: Document, effects: Effects) -> None:
        run_id = f"{play}/{account.account_id}/{cause}"
        if play in self.paused:
            effects.decisions.append(
                Decision(
                    decision_id=run_id,
                    play=play,
                    version=1,
                    account_id=account.account_id,
                    subject=account.account_id,
                    at=at,
                    reason="paused",
                    detail={"cause": cause},
                )
            )
            return
        effects.opened.append(
            RunOpened(
                run_id=run_id,
                play=play,
                version=1,
                account_id=account.account_id,
                subject=account.account_id,
                opened_at=at,
                evidence={"seen": document.metrics["seen"]},
                account={**account.traits, "id": account.account_id},
            )
        )

    def pass_time(self, account: Account, until: Instant, effects: Effects) -> None:
        for key, document in account.subjects.items():
            if account.traits.get("curse"):
                raise PlayBroken("time does not pass here")
            if document.next_deadline is not None and document.next_deadline < until:
                deadline = document.next_deadline
                document.next_deadline = None
                account.changed.add(key)
                self._open(account, "quiet", deadline, str(deadline), document, effects)

    def warm_names(self, before: Applied) -> frozenset[str]:
        return frozenset({"report.exported"})

    def warm(self, account: Account, history: Sequence[Event], at: Instant, effects: Effects) -> None:
        key = SubjectKey("account", account.account_id)
        document = account.subjects.setdefault(key, Document(start=at))
        document.metrics["warmed"] = [event.id for event in history]
        document.metrics["warmed_at"] = at
        account.changed.add(key)

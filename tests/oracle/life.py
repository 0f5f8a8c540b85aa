"""From verdicts to runs: the edge, hold, again, resolve_when, max_age, for one subject of one play."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.instants import DAY, Instant, parse_duration
from shared.records import JsonObject
from tests.oracle.drops import Drops
from tests.oracle.matching import both, matches
from tests.oracle.naive import Verdict, verdict
from tests.oracle.told import Case, Moment, own, trait

FORGOTTEN_AFTER = 400 * DAY


@dataclass
class Run:
    """A run as the definitions have it; `cause` is the id of the event, None for a deadline."""

    case: Case
    opened_at: Instant
    cause: str | None
    numbers: JsonObject
    resolved_at: Instant | None = None
    reason: str | None = None


@dataclass
class Life:
    """What the definitions make a subject remember between two moments."""

    case: Case
    drops: Drops
    runs: list[Run] = field(default_factory=list)
    decisions: list[tuple[Case, Instant, str]] = field(default_factory=list)
    known: bool = False  # 'before its first verdict a subject counts as false'
    rose_at: Instant | None = None  # an edge that has not opened a run yet
    refused: bool = False  # that edge is already a decision

    def pass_moment(self, moment: Moment) -> None:
        """One evaluation."""
        play, case = self.case.play, self.case
        condition = verdict(play["when"], case, moment, self.drops)
        audience = matches(play.get("audience", {}), lambda path: trait(path, case, moment), moment.t, case.zone)
        resolving = verdict(play["resolve_when"], case, moment, self.drops).truth if "resolve_when" in play else False
        if is_impulse(play["when"]):
            if condition.truth is True and audience is True:
                self._impulse(moment, condition)
        else:
            self._level(moment, condition, audience)
        if resolving:
            self._resolve(moment, "resolved")

    def is_forgotten(self, moment: Moment) -> bool:
        """A user or value is 'forgotten 400 days after its last when nothing is open'. A run that nothing can resolve is not."""
        play = self.case.play
        can_end = not is_impulse(play["when"]) or "resolve_when" in play
        if self.case.value is None or (can_end and any(run.resolved_at is None for run in self.runs)):
            return False
        before = [one for one in own(self.case, moment) if one is not moment.event]
        return moment.t - before[-1].received_at > FORGOTTEN_AFTER

    def instants_to_come(self) -> Iterator[Instant]:
        """The end of the hold and of the cooldown, which depend on what was decided."""
        if self.rose_at is not None:
            yield self.rose_at + parse_duration(self.case.play.get("hold", "0s"))
            if (end := self._cooldown_end()) is not None:
                yield end

    def _impulse(self, moment: Moment, condition: Verdict) -> None:
        """'An impulse on an event older than the play's `max_age` (default 7d) is a decision, `stale`, not a run.'"""
        happened = moment.event
        age = happened.received_at - (happened.occurred_at or 0) if happened else 0
        if age > parse_duration(self.case.play.get("max_age", "7d")):
            self.decisions.append((self.case, moment.at, "stale"))
        elif self._cooling(moment):
            self.decisions.append((self.case, moment.at, self._refusal()))
        else:
            self._open(moment, condition)

    def _level(self, moment: Moment, condition: Verdict, audience: bool | None) -> None:
        """'a run resolves on false only'; 'Nothing opens while the verdict is unknown: a hold or cooldown that ended meanwhile
        opens at the next true, if no false came between'.
        """
        truth = both([audience, condition.truth])
        if truth is False:
            left = condition.truth is not False
            self._resolve(moment, "left" if left else "expired" if condition.expired else "cleared")
            self.known, self.rose_at = False, None
        elif truth is True:
            if not self.known:
                self.known, self.rose_at, self.refused = True, moment.at, False
            if self.rose_at is not None and self._held(moment):
                self._rise(moment, condition)

    def _rise(self, moment: Moment, condition: Verdict) -> None:
        """'a level still true when the cooldown ends opens its run at that instant.'"""
        if not self._cooling(moment):
            self.rose_at = None
            self._open(moment, condition)
        elif not self.refused:
            self.refused = True
            self.decisions.append((self.case, moment.at, self._refusal()))

    def _held(self, moment: Moment) -> bool:
        """'An event exactly at the end of a hold or cooldown is still inside it.'"""
        hold = parse_duration(self.case.play.get("hold", "0s"))
        return self.rose_at is not None and (hold == 0 or moment.t > self.rose_at + hold)

    def _cooling(self, moment: Moment) -> bool:
        if self._again() == "never":
            return bool(self.runs)
        end = self._cooldown_end()
        return end is not None and moment.t <= end

    def _refusal(self) -> str:
        return "never" if self._again() == "never" else "cooldown"

    def _cooldown_end(self) -> Instant | None:
        """'after DURATION since the last run opened'."""
        again = self._again()
        if not self.runs or not again.startswith("after "):
            return None
        return self.runs[-1].opened_at + parse_duration(again.removeprefix("after "))

    def _again(self) -> str:
        """'default `after 30d` for levels, `every time` for impulses'."""
        default = "every time" if is_impulse(self.case.play["when"]) else "after 30d"
        return str(self.case.play.get("again", default))

    def _open(self, moment: Moment, condition: Verdict) -> None:
        cause = moment.event.id if moment.event else None
        self.runs.append(Run(self.case, moment.at, cause, condition.numbers))

    def _resolve(self, moment: Moment, reason: str) -> None:
        for run in self.runs:
            if run.resolved_at is None:
                run.resolved_at, run.reason = moment.at, reason


def is_impulse(condition: JsonObject) -> bool:
    """'`all` of levels and impulses is true at the impulse's instant'; `any` takes only levels or only impulses."""
    ((kind, form),) = condition.items()
    return kind in {"event", "change", "every", "manual"} or (kind in {"all", "any"} and any(is_impulse(one) for one in form))

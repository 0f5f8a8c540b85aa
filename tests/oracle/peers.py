"""Plays that compare with peers, by the definitions, recomputed from the whole log at every question. Slow on purpose."""

from typing import Any, NamedTuple

from shared.instants import DAY, Instant, parse_duration
from shared.records import Event, JsonObject
from tests.oracle.days import Buckets
from tests.oracle.matching import at_least, at_most, both, matches
from tests.oracle.measures import measured
from tests.oracle.told import Case, Moment, heard_since, named, passing, trait

KEPT_FOR = 90 * DAY


class Decision(NamedTuple):
    """What was decided at a midnight; of a drop the baseline that is kept, and since when."""

    truth: bool | None
    evidence: JsonObject
    kept: tuple[float, Instant] | None = None
    expired: bool = False


class Found(NamedTuple):
    """One run."""

    account_id: str
    opened_at: Instant
    evidence: JsonObject
    resolved_at: Instant | None
    reason: str | None


class Peers:
    """One play on one log: `when` is a behind, or a drop or rise with `adjust`; `again: every time`, and nothing else."""

    def __init__(self, play: JsonObject, log: list[Event], until: Instant, listening_since: Instant) -> None:
        self.play, self.until, self.listening_since = play, until, listening_since
        self.log = log
        ((self.kind, self.form),) = play["when"].items()
        self.days = Buckets(True, play.get("timezone", "UTC"))
        self.accounts = list(dict.fromkeys(one.account_id or "" for one in log))
        peers = self.form["peers"] if self.kind == "behind" else self.form["adjust"]
        peers = peers if isinstance(peers, str) else peers["peers"]
        self.path = None if peers in {"all", "peers"} else peers

    # ---------------------------------------------------------------- what was heard

    def case(self, account_id: str) -> Case:
        """The play for an account."""
        return Case(self.play, account_id, None, {}, self.listening_since)

    def moment(self, account_id: str, at: Instant, heard: int | None = None) -> Moment:
        """What was heard of the account until an instant, or the first `heard` events of it."""
        events = tuple(one for one in self.log if one.account_id == account_id and one.received_at <= at)
        return Moment(at + 1, at, events[:heard])

    def group(self, account_id: str, moment: Moment) -> Any:
        """Its value of the trait; None where it has none."""
        return "all" if self.path is None else trait(self.path, self.case(account_id), moment)

    def audience(self, account_id: str, moment: Moment) -> bool | None:
        """The audience at that moment."""
        case = self.case(account_id)
        return matches(self.play.get("audience", {}), lambda path: trait(path, case, moment), moment.t, case.zone)

    def measure(self, account_id: str, moment: Moment, begin: Instant, end: Instant) -> float:
        """The account's own measure over `[begin, end)` of what was heard by then."""
        inside = [one for one in passing(self.form, self.case(account_id), moment) if begin <= (one.occurred_at or 0) < end]
        return measured(self.form.get("measure", "count"), inside, self.case(account_id).zone) or 0

    # ---------------------------------------------------------------- peers

    def average_of_day(self, begin: Instant, group: Any) -> float | None:
        """'an account that is a peer when the day ends adds what was heard of the day by then'; None where there is no peer."""
        end = self.days.after(begin)
        total, number = 0.0, 0
        for account_id in self.accounts:
            moment = self.moment(account_id, end)
            if moment.heard and self.audience(account_id, moment) is True and self.group(account_id, moment) == group:
                number += 1
                total += self.measure(account_id, moment, begin, end)
        return total / number if number else None

    def average(self, begin: Instant, end: Instant, group: Any) -> float | None:
        """The sum of the averages of each day; None where one of them is not there."""
        total = 0.0
        while begin < end:
            of_day = self.average_of_day(begin, group)
            if of_day is None:
                return None
            total, begin = total + of_day, self.days.after(begin)
        return total

    # ---------------------------------------------------------------- decisions

    def decide(self, account_id: str, b: Instant, moment: Moment, kept: tuple[float, Instant] | None) -> Decision:
        """At midnight `b`, from what the moment has heard: complete days up to `b - 1d`."""
        over = self.days.number(parse_duration(self.form["over"]))
        baseline = self.days.number(parse_duration(self.form.get("baseline", "0s")))
        end = self.days.before(b, 1)
        begin = self.days.before(end, over)
        first = self.days.before(begin, baseline)
        if heard_since(self.form["of"], self.case(account_id), moment) > first:
            return Decision(None, {}, kept)
        group, current = self.group(account_id, moment), self.measure(account_id, moment, begin, end)
        peers = None if group is None else self.average(begin, end, group)
        if self.kind == "behind":
            return self.behind(current, peers)
        before = None if group is None else self.average(first, begin, group)
        return self.adjusted(account_id, moment, (first, begin, b), (current, peers, before), kept)

    def behind(self, current: float, peers: float | None) -> Decision:
        """'the account's measure is at most the share of the peers' average, which is at least `floor`'; none of nothing."""
        if peers is None:
            return Decision(None, {})
        share = float(self.form["at_most"].removesuffix("%")) / 100
        truth = peers > 0 and at_least(peers, self.form.get("floor", 0)) and at_most(current, share * peers)
        return Decision(truth, {"behind": current / peers if peers else None, "current": current, "peers": peers})

    def adjusted(
        self,
        account_id: str,
        moment: Moment,
        edges: tuple[Instant, Instant, Instant],
        found: tuple[float, float | None, float | None],
        kept: tuple[float, Instant] | None,
    ) -> Decision:
        """'the account's current against its baseline times (peers' current / peers' baseline, at most 1)'."""
        (first, begin, b), (current, peers, before) = edges, found
        blocks = parse_duration(self.form["baseline"]) // parse_duration(self.form["over"])
        expired = kept is not None and b - kept[1] > KEPT_FOR
        against = kept[0] if kept and not expired else self.measure(account_id, moment, first, begin) / blocks
        floored = current if self.kind == "rise" else against
        if floored <= 0 or not at_least(floored, self.form.get("floor", 0)):
            return Decision(False, {}, None, expired)
        if peers is None or before is None:
            return Decision(None, {}, kept)
        ratio = min(1.0, peers / (before / blocks)) if before else 1.0
        expected = against * ratio
        change = (expected - current if self.kind == "drop" else current - expected) / expected if expected else None
        enough = float(self.form["by"].removesuffix("%")) / 100
        truth = self.kind == "rise" if change is None else at_least(change, enough)
        evidence = {self.kind: change, "current": current, "baseline": against, "peers": ratio}
        return Decision(truth, evidence, ((kept if kept and not expired else (against, b)) if truth else None), expired)

    # ---------------------------------------------------------------- runs

    def runs(self) -> list[Found]:
        """What every account's life comes to."""
        return [run for account_id in self.accounts for run in self.live(account_id)]

    def live(self, account_id: str) -> list[Found]:
        """First sight, every midnight after it, and every event that tells a trait that the play reads."""
        own = [one for one in self.log if one.account_id == account_id]
        first = own[0].received_at
        moments = [(first, 1 if self.interested(own[0]) else None)]
        moments += [(one.received_at, number + 1) for number, one in enumerate(own) if number and self.tells(one)]
        b = self.days.after(self.days.begin(first - 1))
        while b <= self.until:
            moments.append((b, None))
            b = self.days.after(b)
        runs: list[Found] = []
        decision, decided_at = Decision(None, {}), -1
        for at, heard in sorted(moments, key=lambda one: (one[0], one[1] is None, one[1] or 0)):
            moment = self.moment(account_id, at, heard)
            t = at if heard is not None else at + 1
            latest = self.days.begin(t - 1)
            if decided_at < latest:
                decision, decided_at = self.decide(account_id, latest, moment, decision.kept), latest
            truth = both([self.audience(account_id, moment), decision.truth])
            is_open = bool(runs) and runs[-1].resolved_at is None
            if truth is True and not is_open:
                runs.append(Found(account_id, at, shown(decision.evidence), None, None))
            elif truth is False and is_open:
                runs[-1] = runs[-1]._replace(resolved_at=at, reason=self.because(decision))
        return runs

    def because(self, decision: Decision) -> str:
        """Why a run ends."""
        return "left" if decision.truth is not False else "expired" if decision.expired else "cleared"

    def tells(self, event: Event) -> bool:
        """Whether it tells a trait that the play reads."""
        words = repr(self.play)
        return any(f"account.{name}" in words for name in event.traits or {})

    def interested(self, event: Event) -> bool:
        """Whether the play hears the event, or reads what it tells."""
        return named(event, self.form["of"]) or self.tells(event)


def shown(evidence: JsonObject) -> JsonObject:
    """Rounded, as evidence is."""
    return {name: None if value is None else round(value, 6) for name, value in evidence.items()}

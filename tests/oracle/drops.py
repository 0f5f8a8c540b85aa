"""drop and rise: the only conditions whose verdict is remembered, boundary by boundary, because the definition says so."""

from itertools import pairwise
from typing import Any, NamedTuple

from shared.instants import DAY, Instant, parse_duration
from shared.records import Event, JsonObject
from tests.oracle.days import Buckets, buckets_for
from tests.oracle.matching import Truth, at_least, number_of
from tests.oracle.measures import measured
from tests.oracle.told import Case, Moment, heard_since, passing

KEPT_FOR = 90 * DAY


class Decision(NamedTuple):
    """What was decided at boundary `b`; while true, the baseline that is kept and the boundary at which it became true."""

    b: Instant
    truth: Truth
    numbers: JsonObject
    kept: tuple[float, Instant] | None = None
    expired: bool = False


class Drops:
    """'decided at first sight and at each bucket boundary `b`, on complete buckets, and kept until the next'."""

    def __init__(self, log: tuple[Event, ...], first: Moment) -> None:
        self.log = log
        self.first = first
        self._decided: dict[int, Decision] = {}

    def decision(self, kind: str, form: JsonObject, case: Case, moment: Moment) -> Decision:
        """The latest decision at that moment. A boundary that is not yet passed by the strict comparison does not count."""
        buckets = buckets_for(form["over"], case.zone)
        latest = self._decided.get(id(form))
        if latest is None:
            latest = decide(kind, form, case, self.first, buckets.begin(self.first.t - 1), None)
        while (b := buckets.after(latest.b)) < moment.t:
            heard = tuple(one for one in self.log if one.received_at <= b)
            latest = decide(kind, form, case, Moment(b + 1, b, heard), b, latest.kept)
        self._decided[id(form)] = latest
        return latest._replace(expired=latest.expired and latest.b == moment.at)


def decide(kind: str, form: JsonObject, case: Case, moment: Moment, b: Instant, kept: tuple[float, Instant] | None) -> Decision:
    """'While it is true, its baseline stays the one at which it became true; at the first boundary more than 90 days later it
    begins anew with the baseline of then. A kept baseline survives an unknown.'
    """
    over, baseline, current = _figures(form, case, moment, b)
    expired = kept is not None and b - kept[1] > KEPT_FOR
    if expired:
        kept = None
    against = kept[0] if kept else baseline
    begins = over.before(b, over.number(parse_duration(form["over"]) + parse_duration(form["baseline"])))
    if heard_since(form["of"], case, moment) > begins or current is None or against is None:
        return Decision(b, None, {}, kept, expired)
    truth, share = _judged(kind, form, current, against)
    numbers = {"current": current, "baseline": against, kind: share}
    return Decision(b, truth, numbers, (kept or (against, b)) if truth else None, expired)


def _figures(form: JsonObject, case: Case, moment: Moment, b: Instant) -> tuple[Buckets, float | None, float | None]:
    """'`current` = the measure over `[b - over, b)`. The baseline is cut into blocks of `over`, ending at `b - over`; `baseline`
    = the mean over the blocks (for `min max avg last`, over those that have a value; none, or no current value: unknown)'.
    """
    buckets = buckets_for(form["over"], case.zone)
    step = buckets.number(parse_duration(form["over"]))
    edges = [b]
    for _ in range(1 + parse_duration(form["baseline"]) // parse_duration(form["over"])):
        edges.append(buckets.before(edges[-1], step))
    found = passing(form, case, moment)

    def block(begin: Instant, end: Instant) -> float | None:
        inside = [one for one in found if begin <= (one.occurred_at or 0) < end]
        return measured(form.get("measure", "count"), inside, case.zone)

    current, *blocks = [block(begin, end) for end, begin in pairwise(edges)]
    values = [value for value in blocks if value is not None]
    return buckets, sum(values) / len(values) if values else None, current


def _judged(kind: str, form: JsonObject, current: float, baseline: float) -> tuple[bool, float | None]:
    """'drop = (baseline - current) / baseline, true when it is at least `by` and baseline is at least `floor`; rise likewise,
    with `floor` on `current` (a baseline of 0 is an infinite rise). A baseline under the floor is false; a current of 0 is no
    rise.'
    """
    by, floor = number_of(form["by"], _nothing) or 0, form.get("floor", 0)
    if kind == "drop":
        share = (baseline - current) / baseline if baseline else None
        return share is not None and at_least(share, by) and at_least(baseline, floor), share
    share = (current - baseline) / baseline if baseline else None
    rose = share is None or at_least(share, by)
    return bool(current) and rose and at_least(current, floor), share


def _nothing(path: str) -> Any:
    return None

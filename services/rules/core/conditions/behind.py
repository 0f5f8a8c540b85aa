"""True while a measure over the last `over` is at most a share of what the account's peers did on average on the same days.

    when:
      behind:
        of: report.exported
        measure: days     # count, days, or a sum
        over: 14d
        peers: account.plan   # the accounts of the audience with the same value of the trait; or all
        at_most: 25%
        floor: 1          # peers who do less than this on average are no measure

Decided at each midnight `b` of the play's time zone, on complete days up to `b - 1d`, and kept until the next. Unknown while the
totals of one of these days are missing, or there were no such peers on it. An average of nothing leaves nobody behind.
"""

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from services.rules.core.bounds import at_least, at_most
from services.rules.core.calendar import open_bucket
from services.rules.core.condition import BoundaryLeaf, Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import amount, moment, number, percent, span
from services.rules.core.fields import Duration, EventFilter, Measure, MeasureField, Share
from services.rules.core.metrics.buckets import Buckets
from services.rules.core.peers.membership import PeerGroup, PeersField, check_comparable
from services.rules.core.windows import bucket_count, first_whole, whole_buckets
from shared.instants import Instant
from shared.records import JsonObject


class Behind(EventFilter):
    """The filter, the measure, the window, who is compared with, how far behind, and the floor of the peers' average."""

    impulse: ClassVar[bool] = False
    measure: MeasureField = Measure()
    over: Duration
    peers: PeersField
    at_most: Share
    floor: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        check_comparable(self.over, self.measure)
        whole_buckets(self.over)
        return self

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(BehindLeaf(self, setting), leaves)


# Own memory, as a list: what was decided at the boundary of bucket BUCKET; unknown before bucket NOT_BEFORE, whatever is heard;
# NAMELESS while the account does not have the trait.
BUCKET, VERDICT, CURRENT, AVERAGE, NOT_BEFORE, NAMELESS = range(6)
Decided = list[Any]


class BehindLeaf(BoundaryLeaf):
    """Decides at boundaries."""

    def __init__(self, form: Behind, setting: Setting) -> None:
        self.filter: EventFilter = form
        self.form = form
        self.calendar = setting.days
        self.width = bucket_count(form.over)
        self.reach = self.width + 1
        self.metric = Buckets(form, form.measure, self.calendar, setting.days, self.reach)
        self.metrics = (self.metric,)
        self.key = self.metric.key
        self.peers: PeerGroup = PeerGroup(form.peers, setting.audience, self.metric, self.reach, setting.totals)
        self.paths = self.peers.paths

    def decided(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Any:
        """What was decided at the newest boundary before `now`. A trait that became known meanwhile counts from the next on."""
        bucket = open_bucket(self.calendar, now)
        if own is not None and own[NAMELESS]:
            nameless = self.peers.name_in(view.context) is None
            return [bucket, None, None, None, 0, nameless]
        if own is not None and own[BUCKET] == bucket:
            return own
        return self._decide(metrics.get(self.key), view, bucket)

    def restarted(self, own: Any, view: View) -> Any:
        """What was decided stands until the next boundary; which of them is the first to be known may be another."""
        if own is not None and own[NOT_BEFORE]:
            own[NOT_BEFORE] = first_whole(self.calendar, view.heard_since(self.filter), own[BUCKET], self.reach)
        return own

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """As decided."""
        verdict: Verdict = own[VERDICT]
        return verdict

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The next boundary, once there is somebody to compare with."""
        bucket = open_bucket(self.calendar, now)
        if own[NOT_BEFORE] > bucket:
            return self.calendar.start(own[NOT_BEFORE])
        return None if own[NAMELESS] else self.peers.next_look(bucket)

    def turn(self, now: Instant) -> None:
        """The open bucket and its boundaries."""
        self.bucket = bucket = open_bucket(self.calendar, now)
        self.opened, self.closes = self.calendar.start(bucket), self.calendar.start(bucket + 1)
        self.tells = self.closes

    def wake(self, own: Any, occurred_at: Instant) -> Instant:
        """The next boundary that can be decided."""
        return self.closes if own is None else max(self.closes, self.calendar.start(own[NOT_BEFORE]))

    def may_differ(self, metrics: Metrics, own: Any) -> bool:
        """Not before the account has peers."""
        return own is None or not own[NAMELESS]

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`current`, `peers` (their average) and `behind`, the one as a share of the other."""
        if own is None or own[CURRENT] is None or own[AVERAGE] is None:
            return {}
        current, average = own[CURRENT], own[AVERAGE]
        share = round(current / average, 6) if average else None
        return {"behind": share, "current": round(current, 6), "peers": round(average, 6)}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """The account against its peers, or why that cannot be said."""
        decided: Decided = own
        if decided[NOT_BEFORE] > decided[BUCKET]:
            since, first = view.heard_since(self.filter), self.calendar.start(decided[NOT_BEFORE])
            return Said(f"heard since only {moment(since)}: it can be said from {moment(first)} on")
        if decided[NAMELESS]:
            return Said(f"{self.form.peers} is missing: there is nobody to compare with", tuple(self.paths))
        until = moment(self.calendar.start(decided[BUCKET] - 1))
        if decided[CURRENT] is None or decided[AVERAGE] is None:
            return Said(f"what peers did in the {span(self.form.over)} before {until} is not known")
        measured = f"{amount(self.form.measure, decided[CURRENT], self.form)} in the {span(self.form.over)} before {until}"
        asked = f"at most {percent(self.form.at_most)} of it, and an average of {number(self.form.floor)}, are asked for"
        return Said(f"{measured} against the peers' average of {number(decided[AVERAGE])}; {asked}")

    def _decide(self, memory: list[Any] | None, view: View, bucket: int) -> Decided:
        first = first_whole(self.calendar, view.heard_since(self.filter), bucket, self.reach)
        if first > bucket:
            return [bucket, None, None, None, first, False]
        group = self.peers.name_in(view.context)
        if group is None:
            return [bucket, None, None, None, 0, True]
        days = (bucket - self.reach, bucket - 1)
        current = self.metric.over(memory, *days) or 0
        average = self.peers.average(group, *days)
        if average is None:
            return [bucket, None, current, None, 0, False]
        verdict = average > 0 and at_least(average, self.form.floor) and at_most(current, self.form.at_most * average)
        return [bucket, verdict, current, average, 0, False]

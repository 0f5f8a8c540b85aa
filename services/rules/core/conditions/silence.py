"""True when something has not happened for a while.

    when:
      silence:
        of: user.login
        for: 14d
        since: start      # optional: subjects that never did it count from their start

A late event moves the clock by when it happened, not by when we heard of it.
"""

from typing import Any, ClassVar, Literal

from pydantic import Field

from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import events, moment, span
from services.rules.core.fields import Duration, EventFilter
from services.rules.core.metrics.seen import LastSeen
from shared.instants import DAY, Instant, show_instant
from shared.records import JsonObject


class Silence(EventFilter):
    """The filter, how long, and whether never counts."""

    impulse: ClassVar[bool] = False
    for_: Duration = Field(alias="for")
    since: Literal["start"] | None = None

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(SilenceLeaf(self, setting), leaves)


class SilenceLeaf(Leaf):
    """Remembers nothing but the newest instant."""

    events_only_clear = True

    def __init__(self, form: Silence, setting: Setting) -> None:
        self.filter = self.form = form
        self.metrics = (LastSeen(self.filter, setting.days),)
        self.key = self.metrics[0].key
        self.limit = self.cleared_for = form.for_
        self.since_start = form.since == "start"

    def _begin(self, metrics: Metrics, view: View) -> Instant | None:
        last: Instant | None = metrics.get(self.key)
        if last is not None or not self.since_start or self.filter is None:
            return last
        return view.heard_since(self.filter)

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """Unknown while it was never heard, unless never counts from the start."""
        begin = self._begin(metrics, view)
        return None if begin is None else now - begin > self.limit

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """The limit after the newest event; nothing once it has passed."""
        begin = self._begin(metrics, view)
        return begin + self.limit if begin is not None and now - begin <= self.limit else None

    def outlook(self, metrics: Metrics, own: Any, view: View, now: Instant) -> tuple[Verdict, Instant | None]:
        """Both from the same instant."""
        begin = metrics.get(self.key)
        if begin is None:
            begin = self._begin(metrics, view)
            if begin is None:
                return None, None
        return (True, None) if now - begin > self.limit else (False, begin + self.limit)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`last_seen` (null: never) and `silent_days`, in days of 24 hours."""
        begin = self._begin(metrics, view)
        last = metrics.get(self.key)
        return {
            "last_seen": None if last is None else show_instant(last),
            "silent_days": None if begin is None else round((now - begin) / DAY, 6),
        }

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """How long ago, against how long is asked for."""
        begin, last = self._begin(metrics, view), metrics.get(self.key)
        names, limit = events(self.form), f"more than {span(self.limit)} is asked for"
        if begin is None:
            return Said(f"{names} was never seen, and without `since: start` never is not a silence")
        if last is None:
            return Said(f"no {names} ever, which counts from {moment(begin)}: {span(now - begin)} of silence; {limit}")
        return Said(f"no {names} for {span(now - begin)}, the last on {moment(last)}; {limit}")

"""Comparison with peers: who they are, and what each adds to the totals of a day (`totals.py`).

Peers are the accounts in a play's audience with the same value of a trait, or all of them. Nobody is visited at the end of a day:
an account says what it adds as it adds it, and takes it along when it moves.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.rules.core.calendar import Calendar, open_bucket
from services.rules.core.effects import Effects, PeerChange
from services.rules.core.fields import Form, Measure
from services.rules.core.metrics.buckets import Buckets, Number
from services.rules.core.metrics.contract import key_of
from services.rules.core.metrics.values import text_of
from services.rules.core.peers.totals import MILLION, Totals
from services.rules.core.traits import trait_path
from shared.instants import DAY, Instant, Microseconds
from shared.matchers import reach
from shared.records import Event, JsonObject

ALL = "all"
# What one account may add in a day: a single absurd number must not drown all others.
_MOST = 10**12


def _peers(path: str) -> str:
    if path != ALL and not trait_path(path).startswith("account."):
        raise PydanticCustomError("peers", "peers are accounts: write a trait such as account.plan, or all")
    return path


PeersField = Annotated[
    str,
    AfterValidator(_peers),
    WithJsonSchema({"type": "string", "pattern": r"^(all|account\..+)$", "examples": ["account.plan"]}),
]


class Adjust(Form):
    """`adjust: peers` (all of the audience), or `adjust: {peers: account.plan}`."""

    peers: PeersField


AdjustField = Annotated[
    Adjust,
    BeforeValidator(lambda found: {"peers": ALL} if found == "peers" else found),
    WithJsonSchema({"anyOf": [{"const": "peers"}, Adjust.model_json_schema()]}),
]


def check_comparable(over: Microseconds, measure: Measure) -> None:
    """Refuse what peers have no totals of."""
    if measure.kind not in ("count", "days", "sum"):
        raise PydanticCustomError("peers_measure", "peers are compared by what adds up: count, days or a sum")
    if over < 2 * DAY:
        raise PydanticCustomError("peers_over", "peers are compared by days: over is 2d or more")


class PeerGroup:
    """The peers of one leaf. Leaves with the same audience, trait, filter and measure have the same `key`, and share totals.

    Whether an account is among them, and under which value of the trait, stands under `key` in its memory of metrics.
    """

    __slots__ = ("_reach", "calendar", "keep", "key", "metric", "paths", "totals")

    def __init__(self, path: str, audience: str, metric: Buckets, keep: int, totals: Totals) -> None:
        """`audience`: as text; `metric` measures the account by days; `keep`: how many closed days a verdict looks back."""
        self.metric = metric
        self.calendar: Calendar = metric.calendar
        self.keep = keep
        self.totals = totals
        # Its calendar is that of the play's days.
        days = metric.calendar.name
        self.key = key_of("peers", path, audience, days, metric.measure.signature, metric.filter.signature(days))
        self.paths = frozenset(() if path == ALL else (path,))
        self._reach = None if path == ALL else reach(path)

    def average(self, group: str, first: int, end: int) -> float | None:
        """What one of them did on average on the days `first <= day < end`; None while one of these is not known."""
        return self.totals.average(self.key, group, first, end)

    def next_look(self, bucket: int) -> Instant | None:
        """The boundary after that day: nobody knows beforehand what peers will do."""
        return None if self.totals.only_counting else self.calendar.start(bucket + 1)

    def name_in(self, context: Mapping[str, JsonObject]) -> str | None:
        """The account's value of the trait as text; None where it has none."""
        return ALL if self._reach is None else text_of(self._reach(context))

    def settle(
        self, metrics: dict[str, Any], audience: bool | None, context: Mapping[str, JsonObject], at: Instant, effects: Effects
    ) -> None:
        """See to it that the account is among the peers where it belongs, now that its audience was judged at `at`."""
        self.place(metrics, self.name_in(context) if audience else None, at, effects)

    def place(self, metrics: dict[str, Any], name: str | None, at: Instant, effects: Effects) -> None:
        """Move the account to the peers of that value, or away: it takes along what it did on the days that are still open."""
        before: str | None = metrics.get(self.key)
        if name == before:
            return
        today = open_bucket(self.calendar, at)
        memory = metrics.get(self.metric.key)
        # At a boundary itself the next day has events already.
        days = [(day, _amount(self.metric.over(memory, day, day + 1))) for day in (today, today + 1)]
        for group, sign in ((before, -1), (name, 1)):
            if group is not None:
                effects.peers += [
                    PeerChange(self.key, day, group, sign if day == today else 0, sign * amount)
                    for day, amount in days
                    if day == today or amount
                ]
        if name is None:
            del metrics[self.key]
        else:
            metrics[self.key] = name

    def hear(self, metrics: dict[str, Any], event: Event, now: Instant, effects: Effects) -> None:
        """An event is about to be added to the metric: what it adds to its day counts for the peers, if that is still open."""
        group = metrics.get(self.key)
        if group is None:
            return
        day = self.calendar.number(event.occurred_at or now)
        if day < open_bucket(self.calendar, now):
            return
        before, after = self.metric.step(metrics.get(self.metric.key), day, event)
        added = _amount(after) - _amount(before)
        if added:
            effects.peers.append(PeerChange(self.key, day, group, 0, added))


def by_key(groups: Iterable[PeerGroup]) -> dict[str, PeerGroup]:
    """The peers by their key; of several leaves' with the same, those that look back furthest."""
    return {group.key: group for group in sorted(groups, key=lambda group: group.keep)}


def hear_before(
    peers: Iterable[tuple[int, PeerGroup]],
    hits: Sequence[bool],
    metrics: dict[str, Any],
    event: Event,
    now: Instant,
    effects: Effects,
) -> None:
    """The same for all peers, each with the place of its filter in `hits`."""
    for where, group in peers:
        if hits[where]:
            group.hear(metrics, event, now, effects)


def _amount(number: Number | None) -> int:
    return round(max(-_MOST, min(_MOST, number or 0)) * MILLION)

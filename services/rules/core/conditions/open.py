"""True while so many things are open: tickets by severity, unpaid invoices, incidents.

    when:
      open:
        by: properties.ticket_id
        opens: {of: [ticket.created, ticket.reopened]}
        closes: {of: ticket.solved}
        where: {properties.priority: [urgent, high]}
        at_least: 3
        for: 2d

A thing is a value of `by`. It is open when the latest by `occurred_at` of its `opens` and `closes` is an `opens`, since the first
`opens` after its last `closes`. `where` asks its latest known properties; with `for` only those open for longer count.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from services.rules.core.bounds import Bounded
from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.conditions.event import Event
from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import span
from services.rules.core.fields import Duration
from services.rules.core.metrics.things import Thing, Things
from shared.instants import DAY, Instant
from shared.matchers import EventMatchers, asked, compile_matchers
from shared.records import JsonObject


class Open(Bounded):
    """What a thing is, what opens and closes it, which count, how many, for how long."""

    impulse: ClassVar[bool] = False
    by: str = Field(pattern=r"^properties(\.[^.\s]+)+$")
    opens: Event
    closes: Event
    where: EventMatchers | None = None
    for_: Duration | None = Field(default=None, alias="for")

    @field_validator("opens", "closes")
    @classmethod
    def _of_the_event(cls, found: Event) -> Event:
        """What opens and closes a thing is kept without the account: it may not depend on traits."""
        paths = set() if found.where is None else compile_matchers(found.where, "UTC").paths
        if any(path.startswith(("account.", "user.")) for path in paths):
            raise PydanticCustomError("open", "opens and closes ask properties. and event. only; ask traits in where or audience")
        return found

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(OpenLeaf(self, setting), leaves)


class OpenLeaf(Leaf):
    """Counts what is open now."""

    def __init__(self, form: Open, setting: Setting) -> None:
        self.form = form
        self._where = None if form.where is None else compile_matchers(form.where, setting.timezone)
        asked = self._where.paths if self._where is not None else frozenset()
        paths = frozenset(path for path in asked if path.startswith("properties."))
        self.paths = form.bound_paths | {path for path in asked if path.startswith(("account.", "user."))}
        self.metric = Things(form.by, form.opens, form.closes, paths, setting.timezone)
        self.metrics = (self.metric,)
        self._for = form.for_ if form.for_ is not None else -1

    def _matching(self, metrics: Metrics, view: View, now: Instant) -> Iterator[Thing]:
        things: dict[str, Thing] = metrics.get(self.metric.key) or {}
        for thing in things.values():
            if thing["o"] and (self._where is None or self._where.verdict(_context(thing, view), now) is True):
                yield thing

    def _number(self, metrics: Metrics, view: View, now: Instant) -> int:
        return sum(1 for thing in self._matching(metrics, view, now) if now - thing["o"][0] > self._for)

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """How many are open, against the bound."""
        bound = self.form.bound_in(view.context)
        return None if bound is None else self.form.holds(self._number(metrics, view, now), bound)

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """When the next thing has been open long enough, or `where` itself changes its mind."""
        changes: list[Instant] = []
        things: dict[str, Thing] = metrics.get(self.metric.key) or {}
        for thing in things.values():
            if thing["o"] and now - thing["o"][0] <= self._for:
                changes.append(thing["o"][0] + self._for)
            if thing["o"] and self._where is not None:
                change = self._where.next_change(_context(thing, view), now)
                changes += [] if change is None else [change]
        return min(changes, default=None)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """`open`: how many; `oldest_days`: how long the oldest of them has been, in days of 24 hours."""
        since = [thing["o"][0] for thing in self._matching(metrics, view, now) if now - thing["o"][0] > self._for]
        return {"open": len(since), "oldest_days": round((now - min(since)) / DAY, 6) if since else None}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """How many, of what, for how long, against the bound."""
        bound, found = self.form.bound_says(view.context), self._number(metrics, view, now)
        which = f"{'thing' if found == 1 else 'things'} open (by {self.form.by})"
        which += f" (where {asked(self.form.where)})" if self.form.where is not None else ""
        which += f" for more than {span(self.form.for_)}" if self.form.for_ is not None else ""
        return Said(f"{found} {which}; {bound.words} is asked for", bound.lacking)


def _context(thing: Thing, view: View) -> dict[str, JsonObject]:
    properties: JsonObject = {}
    for path, (_, found) in thing["p"].items():
        *parents, last = path.split(".")[1:]
        place = properties
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = found
    return {**view.context, "properties": properties}

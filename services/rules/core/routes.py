"""Which plays and metrics hear an event of a name: looked up once per name, so that an event costs only those that want it."""

from collections.abc import Sequence
from typing import NamedTuple

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import BoundaryLeaf
from services.rules.core.fields import EventFilter, read_path
from services.rules.core.goal import CompiledGoal
from services.rules.core.metrics.buckets import Buckets
from services.rules.core.metrics.contract import Metric
from services.rules.core.peers.membership import PeerGroup
from services.rules.core.quiet import Quiet, Where, cleared_quietly, counted_quietly, quietly, unmatched_quietly, wake
from services.rules.core.state import ITSELF, Account, Document, PlayState, SubjectKey
from shared.instants import Instant
from shared.matchers import CompiledMatchers
from shared.records import Event, JsonObject


class Touch(NamedTuple):
    """The subjects that an event concerns: those in `keys`, or with `all` every one that the account has."""

    keys: tuple[SubjectKey, ...]
    all: bool


# Where every play is for accounts, all events concern the same.
ITSELF_ALONE = Touch((ITSELF,), False)


class Observer:
    """One metric that hears the name: by its key in documents, behind the filter at place `where`."""

    __slots__ = ("count", "key", "observe", "where")

    def __init__(self, metric: Metric, where: int) -> None:
        self.key = metric.key
        self.count = metric.count if isinstance(metric, Buckets) and metric.counts else None
        self.observe = metric.observe
        self.where = where


class Interest:
    """One play that is interested in the name.

    `impulses` pairs the place of an impulse's leaf with its filter. `heard` are the filters by which the play hears anything.
    `only_boundaries`: whatever it hears of this name counts only at a boundary. `only_clears`: an event can only make it false.
    """

    __slots__ = ("boundary_leaves", "heard", "impulses", "name", "only_boundaries", "only_clears", "play")

    def __init__(self, play: CompiledPlay, leaves: set[int], heard: list[int], impulses: list[tuple[int, int]]) -> None:
        self.play = play
        self.name = play.name
        self.heard = tuple(sorted(set(heard)))
        self.impulses = impulses
        concerned = [play.leaves[place] for place in leaves]
        places = [(place, play.leaves[place]) for place in sorted(leaves)]
        self.boundary_leaves = [(place, leaf) for place, leaf in places if isinstance(leaf, BoundaryLeaf)]
        self.only_boundaries = len(self.boundary_leaves) == len(leaves)
        self.only_clears = all(leaf.events_only_clear for leaf in concerned) and play.monotone and play.goal is None

    def matters(self, state: PlayState, hits: Sequence[bool], now: Instant) -> bool:
        """Whether the verdict must be taken at this event."""
        if state.first_at is not None:
            return now >= state.first_at and (self.play.needs_time or any(hits[where] for _, where in self.impulses))
        return hits[self.heard[0]] if len(self.heard) == 1 else any(hits[where] for where in self.heard)

    def wake(self, document: Document, state: PlayState, occurred_at: Instant) -> None:
        """An event of that instant can only count at a later boundary."""
        for place, leaf in self.boundary_leaves:
            wake(document, state, place, leaf, occurred_at)


class Route:
    """What an event of one name means to the subjects of one kind."""

    __slots__ = (
        "aims",
        "bucketed",
        "decides",
        "hits",
        "interests",
        "kind",
        "observers",
        "others",
        "peers",
        "quiet",
        "roots",
        "wanted",
        "wheres",
    )

    def __init__(self, kind: str, name: str, plays: Sequence[CompiledPlay]) -> None:
        self.kind = kind
        # Of the route of accounts: those of the other kinds, for the same name.
        self.others: Sequence[Route] = ()
        # What the filters look into beside the properties: `event`, `user`.
        self.roots: set[str] = set()
        # The distinct filters, evaluated once per event; None lets every event through.
        self.wheres: list[Where | None] = []
        self.observers: list[Observer] = []
        # Whose totals such an event may add to, with the place of their filter.
        self.peers: list[tuple[int, PeerGroup]] = []
        self.interests: list[Interest] = []
        # The plays whose goal hears the name: only of use while a run of theirs is watched.
        self.aims: list[CompiledPlay] = []
        places: dict[str, int] = {}
        seen: set[str] = set()
        for play in plays:
            leaves: set[int] = set()
            heard: list[int] = []
            impulses: list[tuple[int, int]] = []
            for place, metric, filter in play.filters():
                if not filter.hears(name):
                    continue
                where = self._place(places, filter, play.form.timezone)
                leaves.add(place)
                heard.append(where)
                if metric is None:
                    impulses.append((place, where))
                    continue
                self._observe(metric, where, seen)
                self._compare(play.leaves[place].peers, where, seen)
            if leaves:
                self.interests.append(Interest(play, leaves, heard, impulses))
            if play.goal is not None:
                self._aim(play, play.goal, name, places, seen)
        # Whether anybody makes anything of the name.
        self.wanted = bool(self.interests or self.aims)
        # The leaves that decide at boundaries, with their play's name and their place.
        self.bucketed = [(one.name, place, leaf) for one in self.interests for place, leaf in one.boundary_leaves]
        # Whether anything heard of this name may change what was to be decided at a boundary before it.
        self.decides = bool(self.bucketed) or any(play.goal is not None and play.goal.remembering for play in self.aims)
        # Where no filter has a `where`, what passes is known beforehand.
        self.hits: list[bool] | None = None if any(self.wheres) else [True] * len(self.wheres)
        self.quiet = self._quiet()

    def _quiet(self) -> Quiet | None:
        """The short way, where events of the name are ever quiet."""
        if self.kind != ITSELF.kind or self.aims or self.peers or not self.interests:
            return None
        if self.hits is None:
            only_properties = None not in self.wheres and self.roots == {"properties"} and not self.bucketed
            return unmatched_quietly([one.name for one in self.interests], self.wheres) if only_properties else None
        if not all(one.only_boundaries or one.only_clears for one in self.interests):
            return None
        clearing = [one.name for one in self.interests if one.only_clears and not one.only_boundaries]
        observers = [(one.key, one.observe) for one in self.observers]
        if len(self.interests) == len(observers) == 1:
            if clearing:
                leaf = self.interests[0].play.plain_leaf
                return cleared_quietly(clearing[0], *observers[0], None if leaf is None else leaf.cleared_for)
            play, count = self.interests[0].play, self.observers[0].count
            # Of one plain leaf, and without an audience, a play is known to be true where its leaf is.
            if len(self.bucketed) == 1 and count is not None and play.plain_leaf is not None and play.audience is None:
                return counted_quietly(*self.bucketed[0], observers[0][0], count)
        return quietly(self.bucketed, clearing, observers)

    def _aim(self, play: CompiledPlay, goal: CompiledGoal, name: str, places: dict[str, int], seen: set[str]) -> None:
        heard: list[int] = []
        for peers, metric in [(leaf.peers, metric) for leaf in goal.leaves for metric in leaf.metrics]:
            if metric.filter.hears(name):
                heard.append(self._place(places, metric.filter, play.form.timezone))
                self._observe(metric, heard[-1], seen)
                self._compare(peers, heard[-1], seen)
        if heard:
            self.aims.append(play)

    def _observe(self, metric: Metric, where: int, seen: set[str]) -> None:
        if metric.key not in seen:
            seen.add(metric.key)
            self.observers.append(Observer(metric, where))

    def _compare(self, peers: PeerGroup | None, where: int, seen: set[str]) -> None:
        if peers is not None and peers.key not in seen:
            seen.add(peers.key)
            self.peers.append((where, peers))

    def _place(self, places: dict[str, int], filter: EventFilter, timezone: str) -> int:
        where = places.setdefault(f"{timezone} {filter.where!r}", len(places))
        if where == len(self.wheres):
            self._add_where(filter.compiled_where(timezone))
        return where

    def _add_where(self, where: CompiledMatchers | None) -> None:
        self.wheres.append(None if where is None else where.verdict)
        self.roots |= {path.partition(".")[0] for path in (where.paths if where else ())}


def hits_of(account: Account, route: Route, event: Event, now: Instant) -> list[bool]:
    """Which of the route's filters the event passes. An unknown `where` does not match."""
    context: JsonObject | None = None
    hits = []
    for where in route.wheres:
        if where is None:
            hits.append(True)
            continue
        if context is None:
            context = {"properties": event.properties, "account": account.traits}
            if "event" in route.roots:
                context["event"] = {"id": event.id, "name": event.name, "source": event.source, "user_id": event.user_id}
            if "user" in route.roots and event.user_id is not None:
                context["user"] = {**account.users.get(event.user_id, {}), "id": event.user_id}
        hits.append(where(context, now) is True)
    return hits


def value_of(kind: str, event: Event) -> str | None:
    """The subject of this kind that the event is about, by its value in a `SubjectKey`; None where it names none."""
    if kind == "account":
        return ITSELF.value
    if kind == "user":
        return event.user_id
    found = read_path(event.properties, tuple(kind.removeprefix("by:properties.").split(".")))
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return None
    return str(found) or None

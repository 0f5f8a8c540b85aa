"""A play made ready to run: its conditions grown, its filters and metrics listed, its numbers at hand."""

from services.rules.core.condition import Combine, Leaf, Setting
from services.rules.core.fields import EventFilter
from services.rules.core.goal import CompiledGoal
from services.rules.core.metrics.contract import Metric
from services.rules.core.peers.totals import Totals
from services.rules.core.play import Play, identity_of
from shared.matchers import compile_matchers
from shared.records import AppliedPlay


class CompiledPlay:
    """One version of one play. Holds nothing of any subject."""

    def __init__(self, applied: AppliedPlay, totals: Totals | None = None) -> None:
        self.form = Play.model_validate(applied.document)
        self.name = applied.play
        self.version = applied.version
        self.was = applied.was or self.form.was
        self.identity = identity_of(applied.document)
        self.kind = self.form.kind
        # Where it stands among all plays, and whether it may open runs: known to whoever has them all.
        self.place = 0
        self.paused = False
        setting = Setting(self.name, self.form.timezone, repr(self.form.audience), totals)
        self.audience = compile_matchers(self.form.audience, self.form.timezone) if self.form.audience else None
        self.impulse = self.form.when.impulse
        self.leaves: list[Leaf] = []
        self.combine: Combine = self.form.when.grow(setting, self.leaves)
        # The leaves of `when`; those of `resolve_when` come after them.
        self.of_condition = len(self.leaves)
        self.resolve: Combine | None = None
        if self.form.resolve_when is not None:
            self.resolve = self.form.resolve_when.grow(setting, self.leaves)
        self.goal: CompiledGoal | None = None
        if self.form.goal is not None:
            self.goal = CompiledGoal(self.form.goal, applied.document["goal"], setting)
        self.goal_traits = self.goal.account_traits if self.goal is not None else frozenset()
        self.metrics: list[Metric] = [metric for leaf in self.leaves for metric in leaf.metrics]
        self.metrics += self.goal.metrics if self.goal is not None else []
        # With whom its subjects are compared; of the same peers one leaf's is enough.
        leaves = [*self.leaves, *(self.goal.leaves if self.goal is not None else ())]
        self.peers = tuple({leaf.peers.key: leaf.peers for leaf in leaves if leaf.peers is not None}.values())
        self.metric_keys = frozenset((*(metric.key for metric in self.metrics), *(peers.key for peers in self.peers)))
        self.hold = self.form.hold
        self.cooldown = self.form.cooldown
        self.rollout, self.holdout = self.form.rollout, self.form.holdout
        self.guard = None if self.form.guard is None else self.form.guard.record(self._names())
        self.account_traits = self._traits("account")
        self.user_traits = self._traits("user")
        self.remembering = [(place, leaf) for place, leaf in enumerate(self.leaves) if leaf.remembers]
        # Most plays have one condition: it is judged without a loop.
        self.only_leaf = self.leaves[0] if len(self.leaves) == 1 else None
        # Without `not`, what makes a leaf false can never make the whole true.
        self.monotone = self.resolve is None and not _negates(applied.document["when"])
        # The plain ones are one level without a goal or peers. See `judge.unsettled`.
        self.plain_leaf = self.only_leaf if self.monotone and not (self.impulse or self.goal or self.peers) else None
        self.no_memory = (None,) * len(self.leaves)
        # Whether anything of it may change as time passes; an impulse of events alone costs nothing between them.
        self.needs_time = (
            not self.impulse
            or self.resolve is not None
            or bool(self.remembering or self.peers)
            or any(leaf.beside_events for leaf in self.leaves)
        )

    def filters(self) -> list[tuple[int, Metric | None, EventFilter]]:
        """Every filter of the play with its leaf's place: of an impulse, and of each metric."""
        found: list[tuple[int, Metric | None, EventFilter]] = []
        for place, leaf in enumerate(self.leaves):
            if leaf.impulse and leaf.filter is not None:
                found.append((place, None, leaf.filter))
            found += [(place, metric, metric.filter) for metric in leaf.metrics]
        return found

    def hears(self, name: str) -> bool:
        """Whether the play is interested in events of this name."""
        return any(filter.hears(name) for _, _, filter in self.filters())

    def _names(self) -> tuple[str, ...]:
        return tuple(sorted({name for _, _, filter in self.filters() for name in filter.of}))

    def _traits(self, root: str) -> frozenset[str]:
        """The traits below `root` that audience and conditions read: their first words."""
        paths = set(self.audience.paths if self.audience else ())
        for leaf in self.leaves:
            paths |= leaf.paths
        return frozenset(path.split(".")[1] for path in paths if path.startswith(f"{root}."))


def _negates(condition: object) -> bool:
    """Whether `not` stands anywhere above a leaf."""
    if not isinstance(condition, dict):
        return False
    parts = [part for key in ("all", "any") for part in condition.get(key) or []]
    return "not" in condition or any(_negates(part) for part in parts)

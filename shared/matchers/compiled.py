"""Matchers compiled to plain functions: one call for a verdict, and from the same tests the explanation and the deadlines."""

from collections.abc import Callable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from shared.instants import Instant
from shared.matchers.bounds import has_moment, shares_of
from shared.matchers.contract import Deadline
from shared.matchers.paths import ROOTS, Context, Reach, reach
from shared.matchers.refusal import Place
from shared.matchers.tree import All, Node, Not, Otherwise, Test, read_matchers
from shared.matchers.words import WORDS

Verdict = Callable[[Context, Instant], bool | None]


class Clause(NamedTuple):
    """One test, explained: what was found at `path`, and what `matcher` (a word and its argument) says of it.

    `place` leads to it in the matchers as written: below `any` and `not` a clause need not be true for the whole to be.
    """

    place: Place
    path: str
    matcher: dict[str, Any]
    found: Any
    verdict: bool | None


class Told(NamedTuple):
    """What a mapping, or a part of it, says: one test (a `clause`), or by its `word` `all`, `any`, `not` or `missing` of `parts`.

    `lacking`: the fields for whose sake a test says nothing: missing, or of another type.
    """

    word: str
    verdict: bool | None
    clause: Clause | None
    lacking: tuple[str, ...]
    parts: "tuple[Told, ...]"


class _Leaf(NamedTuple):
    test: Test
    written: Any
    found: Reach
    verdict: Verdict
    deadline: Deadline | None
    # The other fields that its bound is a share of.
    bounds: tuple[str, ...]
    # A `missing` further out speaks where this one is unknown.
    covered: bool = False

    def clause(self, context: Context, t: Instant) -> Clause:
        """The test with what it found and what it says."""
        return Clause(
            self.test.place, self.test.path, {self.test.word: self.written}, self.found(context), self.verdict(context, t)
        )

    def lacking(self, context: Context) -> tuple[str, ...]:
        """The fields that are missing, or of another type than is compared with: asked where the test says nothing."""
        bounds = tuple(path for path in self.bounds if type(reach(path)(context)) not in (int, float))
        return bounds if bounds and self.found(context) is not None else (self.test.path, *bounds)


class _Part(NamedTuple):
    """A node once it is compiled."""

    word: str
    verdict: Verdict
    leaf: _Leaf | None
    parts: "tuple[_Part, ...]"

    def told(self, context: Context, t: Instant) -> Told:
        """What it says, and what its parts say."""
        parts = tuple(part.told(context, t) for part in self.parts)
        verdict = self.verdict(context, t)
        if self.leaf is None:
            return Told(self.word, verdict, None, (), parts)
        return Told("", verdict, self.leaf.clause(context, t), self.leaf.lacking(context) if verdict is None else (), ())


class CompiledMatchers:
    """A function of a context (mappings `account`, `user`, `properties`, ...) and an instant. It holds no state."""

    __slots__ = ("_leaves", "_root", "_timed", "paths", "reads_dates", "verdict")

    verdict: Verdict
    """True, false, or None for unknown, at the instant `t`."""
    paths: frozenset[str]
    """Every field that the matchers look at."""
    reads_dates: bool
    """Whether a date may be read, which is another instant in another time zone."""

    def __init__(self, spec: dict[str, Any], zone: ZoneInfo, roots: tuple[str, ...]) -> None:
        self._leaves: list[_Leaf] = []
        self._root = self._compile(read_matchers(spec, roots), spec, zone)
        self.verdict = self._root.verdict
        self._timed = [leaf for leaf in self._leaves if leaf.deadline is not None]
        self.reads_dates = bool(self._timed) or any(has_moment(leaf.test.argument) for leaf in self._leaves)
        self.paths = frozenset(path for leaf in self._leaves for path in (leaf.test.path, *leaf.bounds))

    def next_change(self, context: Context, t: Instant) -> Instant | None:
        """The first deadline at `t` or later, or None. It takes effect one microsecond after; it may be early, never late."""
        deadlines = [leaf.deadline(leaf.found(context), t) for leaf in self._timed if leaf.deadline is not None]
        return min((at for at in deadlines if at is not None), default=None)

    def explain(self, context: Context, t: Instant) -> list[Clause]:
        """Each test with what it found and what it says, in the order written."""
        return [leaf.clause(context, t) for leaf in self._leaves]

    def tell(self, context: Context, t: Instant) -> Told:
        """The same as a tree, with what `all`, `any` and `not` make of it."""
        return self._root.told(context, t)

    def unknown_paths(self, context: Context, t: Instant) -> tuple[str, ...]:
        """The fields for whose sake a test says nothing: missing, or of another type. Sorted."""
        unknown: set[str] = set()
        for leaf in self._leaves:
            if not leaf.covered and leaf.verdict(context, t) is None:
                unknown.update(leaf.lacking(context))
        return tuple(sorted(unknown))

    def _compile(self, node: Node, spec: Any, zone: ZoneInfo) -> _Part:
        if isinstance(node, Test):
            return self._leaf(node, spec, zone)
        if isinstance(node, Not):
            part = self._compile(node.node, spec, zone)
            return _Part("not", _negation(part.verdict), None, (part,))
        if isinstance(node, Otherwise):
            return self._otherwise(node, spec, zone)
        parts = tuple(self._compile(one, spec, zone) for one in node.nodes)
        verdicts = [part.verdict for part in parts]
        if isinstance(node, All):
            return _Part("all", _all(verdicts), None, parts)
        return _Part("any", _either(verdicts), None, parts)

    def _otherwise(self, node: Otherwise, spec: Any, zone: ZoneInfo) -> _Part:
        before = len(self._leaves)
        part = self._compile(node.node, spec, zone)
        self._leaves[before:] = [leaf._replace(covered=True) for leaf in self._leaves[before:]]
        return _Part("missing", _otherwise(part.verdict, node.missing), None, (part,))

    def _leaf(self, node: Test, spec: Any, zone: ZoneInfo) -> _Part:
        word = WORDS[node.word]
        found, test = reach(node.path), word.test(node.argument, zone)
        verdict = _verdict_at(node.path, found, test, node.missing)
        deadline = word.deadline(node.argument, zone) if word.deadline else None
        bounds = shares_of(node.argument)
        leaf = _Leaf(node, _written(spec, node.place), found, verdict, deadline, bounds)
        self._leaves.append(leaf)
        return _Part("", verdict, leaf, ())


def compile_matchers(spec: dict[str, Any], timezone: str = "UTC", roots: tuple[str, ...] = ROOTS) -> CompiledMatchers:
    """Compile matchers; dates without a time are local days of `timezone`.

    Raises:
        pydantic.ValidationError: the matchers are wrong, with the place of each thing that is.
        zoneinfo.ZoneInfoNotFoundError: there is no such time zone.
    """
    return CompiledMatchers(spec, ZoneInfo(timezone), roots)


def _verdict_at(path: str, found: Reach, test: Any, missing: bool | None) -> Verdict:
    """The hot path: where a root and one key suffice they are looked up in place."""
    root, *keys = path.split(".")
    if len(keys) > 1 or missing is not None:

        def verdict_deep(context: Context, t: Instant) -> bool | None:
            verdict: bool | None = test(found(context), context, t)
            return missing if verdict is None else verdict

        return verdict_deep
    key = keys[0]

    def verdict_one(context: Context, t: Instant) -> bool | None:
        try:
            value = context[root][key]
        except (KeyError, TypeError):
            value = None
        verdict: bool | None = test(value, context, t)
        return verdict

    return verdict_one


def _all(verdicts: list[Verdict]) -> Verdict:
    if len(verdicts) == 1:
        return verdicts[0]

    def all_of(context: Context, t: Instant) -> bool | None:
        result: bool | None = True
        for verdict in verdicts:
            one = verdict(context, t)
            if one is False:
                return False
            if one is None:
                result = None
        return result

    return all_of


def _either(verdicts: list[Verdict]) -> Verdict:
    def either(context: Context, t: Instant) -> bool | None:
        result: bool | None = False
        for verdict in verdicts:
            one = verdict(context, t)
            if one:
                return True
            if one is None:
                result = None
        return result

    return either


def _negation(verdict: Verdict) -> Verdict:
    def negation(context: Context, t: Instant) -> bool | None:
        one = verdict(context, t)
        return None if one is None else not one

    return negation


def _otherwise(verdict: Verdict, missing: bool) -> Verdict:
    def otherwise(context: Context, t: Instant) -> bool | None:
        one = verdict(context, t)
        return missing if one is None else one

    return otherwise


def _written(spec: Any, place: Place) -> Any:
    for key in place:
        spec = spec[key]
    return spec

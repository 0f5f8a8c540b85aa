"""Matchers as they are read: a tree of tests on fields, combined by all, any, not. Reading says everything that is wrong at once.

account.plan: [pro, enterprise]
account.stage: {none_of: [churned], missing: true}
any: [{account.mrr: {at_least: 5000}}, {account.tags: {contains: vip}}]
"""

from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from shared.matchers.contract import Argument
from shared.matchers.equality import is_scalar
from shared.matchers.paths import ROOTS, check_path
from shared.matchers.refusal import Place, Refused
from shared.matchers.words import WORDS


class Test(NamedTuple):
    """One word about one field. `place` leads to it in the document; `missing` is the verdict in place of unknown, if given."""

    place: Place
    path: str
    word: str
    argument: Argument
    missing: bool | None


class All(NamedTuple):
    """True when all are."""

    nodes: "tuple[Node, ...]"


class Either(NamedTuple):
    """True when one is."""

    nodes: "tuple[Node, ...]"


class Not(NamedTuple):
    """True when the other is false."""

    node: "Node"


class Otherwise(NamedTuple):
    """What the node says, and `missing` where it says nothing."""

    node: "Node"
    missing: bool


Node = Test | All | Either | Not | Otherwise

_COMBINATIONS = ("all", "any", "not")


def read_matchers(spec: object, roots: tuple[str, ...] = ROOTS) -> Node:
    """Read a mapping of paths to matchers.

    Raises:
        pydantic.ValidationError: with the place of each thing that is wrong.
    """
    reading = _Reading(roots)
    node = reading.mapping(spec, ())
    if reading.wrong:
        raise ValidationError.from_exception_data("matchers", reading.wrong)
    return node


class _Reading:
    """One pass over a document, collecting what is wrong."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.roots = roots
        self.wrong: list[InitErrorDetails] = []

    def refuse(self, refused: Refused, place: Place) -> All:
        """Note it; the result stands in for what could not be read."""
        self.wrong.append(InitErrorDetails(type=refused.as_pydantic(), loc=place + refused.place, input=refused.found))
        return All(())

    def mapping(self, spec: object, place: Place) -> Node:
        """A mapping from paths (or all, any, not) to matchers; all must match."""
        if not isinstance(spec, dict) or not spec:
            message = "write a mapping from fields to matchers, such as account.plan: pro"
            return self.refuse(Refused(message, found=spec, code="matchers"), place)
        return _all_of([self.entry(key, value, (*place, _as_key(key))) for key, value in spec.items()])

    def entry(self, key: object, value: object, place: Place) -> Node:
        if key in _COMBINATIONS:
            return self.combination(str(key), value, place, self.mapping)
        try:
            path = check_path(key, self.roots)
        except Refused as refused:
            return self.refuse(self._misplaced_word(key) or refused, place)
        return self.matcher(path, value, place)

    def _misplaced_word(self, key: object) -> Refused | None:
        if key not in WORDS:
            return None
        message = f"{key} stands under a field: {self.roots[0]}.plan: {{{key}: …}}"
        return Refused(message, found=key, code="path", key=True)

    def combination(self, word: str, value: object, place: Place, read: Any) -> Node:
        """`all` and `any` of a list, `not` of one."""
        if word == "not":
            return Not(read(value, place))
        if not isinstance(value, list) or not value:
            return self.refuse(Refused(f"{word} takes a list", found=value, code="matchers"), place)
        nodes = tuple(read(one, (*place, index)) for index, one in enumerate(value))
        return Either(nodes) if word == "any" else _all_of(list(nodes))

    def matcher(self, path: str, value: object, place: Place) -> Node:
        """What stands under a path: a scalar, a list, or a mapping of words."""
        if is_scalar(value):
            return self.test(path, "equals", value, None, place)
        if isinstance(value, list):
            return self.test(path, "one_of", value, None, place)
        if not isinstance(value, dict) or not value:
            message = f"write a value, a list of values, or a mapping of {', '.join(WORDS)}"
            return self.refuse(Refused(message, found=value, code="matcher"), place)
        return self.words(path, value, place)

    def words(self, path: str, words: dict[Any, Any], place: Place) -> Node:
        missing = words.get("missing")
        if "missing" in words and not isinstance(missing, bool):
            self.refuse(Refused("missing is true or false", found=missing, allowed=("true", "false")), (*place, "missing"))
        if set(words) == {"missing"}:
            message = "missing stands beside a matcher; to ask whether the field is there write exists: true or exists: false"
            return self.refuse(Refused(message, found="missing", key=True), (*place, "missing"))
        rest = [(word, argument) for word, argument in words.items() if word != "missing"]
        return _all_of([self.word(path, word, argument, missing, (*place, _as_key(word))) for word, argument in rest])

    def word(self, path: str, word: object, argument: object, missing: bool | None, place: Place) -> Node:
        if word in _COMBINATIONS:
            node = self.combination(str(word), argument, place, lambda value, at: self.matcher(path, value, at))
            return node if missing is None else Otherwise(node, missing)
        if word not in WORDS:
            allowed = (*WORDS, "all", "any", "not", "missing")
            return self.refuse(Refused(f"unknown matcher {word!r}", found=word, allowed=allowed, code="word", key=True), place)
        return self.test(path, str(word), argument, missing, place)

    def test(self, path: str, word: str, argument: object, missing: bool | None, place: Place) -> Node:
        try:
            return Test(place, path, word, WORDS[word].read(argument, self.roots), missing)
        except Refused as refused:
            return self.refuse(refused, place)


def _all_of(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else All(tuple(nodes))


def _as_key(key: object) -> str:
    return key if isinstance(key, str) else str(key)

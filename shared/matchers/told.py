"""What matchers say, in words for people: `account.plan is basic, and should be one of pro, enterprise`."""

from typing import Any

from shared.matchers.compiled import Clause, Told
from shared.matchers.equality import kind_of
from shared.matchers.refusal import show
from shared.matchers.words import WORDS


def sentence(told: Told) -> str:
    """A test as a sentence: the field, what it is, what it should be. Of several: what combines them."""
    if told.clause is None:
        return {"all": "all of these", "any": "one of these", "not": "not this", "missing": "with `missing`, this"}[told.word]
    clause = told.clause
    if told.lacking and clause.path not in told.lacking:
        return f"{_is(clause)}, {_should(clause)}, of which {' and '.join(told.lacking)} is missing or no number"
    if told.verdict is None and clause.found is not None:
        return f"{_is(clause)}, {_kind(clause.found)} that cannot be compared, {_should(clause)}"
    counts = "" if clause.found is not None or told.verdict is None or "exists" in clause.matcher else _counts(told.verdict)
    return f"{_is(clause)}{counts}, {_should(clause)}"


def asked(matchers: dict[str, Any]) -> str:
    """What matchers ask, in short, as in YAML: `properties.score: {at_most: 6}`."""
    return ", ".join(f"{path}: {_written(matcher)}" for path, matcher in matchers.items())


def _is(clause: Clause) -> str:
    return f"{clause.path} is {'missing' if clause.found is None else _value(clause.found)}"


def _should(clause: Clause) -> str:
    ((word, argument),) = clause.matcher.items()
    words = argument if isinstance(argument, list) else [argument]
    if word not in WORDS:  # a scalar or a list under the path itself
        word = "one_of" if isinstance(argument, list) else "equals"
    joint = " and " if word == "between" else " or " if word == "contains" else ", "
    return "and should " + WORDS[word].asks.format(joint.join(map(_value, words)))


def _counts(verdict: bool) -> str:
    return f" (which counts as {'true' if verdict else 'false'} here)"


def _kind(found: Any) -> str:
    return {"text": "a text", "number": "a number", "truth": "a truth value"}.get(kind_of(found) or "", "something")


def _value(value: Any) -> str:
    if isinstance(value, dict | list):
        return show(value)
    return f"{value:g}" if isinstance(value, float) else show(value)


def _written(matcher: Any) -> str:
    if isinstance(matcher, dict):
        return "{" + ", ".join(f"{word}: {_written(argument)}" for word, argument in matcher.items()) + "}"
    if isinstance(matcher, list):
        return "[" + ", ".join(map(_written, matcher)) + "]"
    return _value(matcher)

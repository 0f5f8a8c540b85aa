"""Patterns of event names: a name, `ticket.*`, or `any`."""

from collections.abc import Iterable


def is_one_of(name: str, patterns: Iterable[str]) -> bool:
    """Whether an event of this name is meant by one of the patterns."""
    return any(wanted in (name, "any") or (wanted.endswith(".*") and name.startswith(wanted[:-1])) for wanted in patterns)

"""The tree of clauses of a verdict: each true, false or unknown, with its numbers, in words for people."""

from typing import NamedTuple

import msgspec

from shared.matchers import Told, sentence
from shared.records import JsonObject


class Clause(msgspec.Struct, kw_only=True):
    """One clause. `kind` is a condition's (`count`, `all`), `field` of a matcher, `milestone`; `verdict` is None where unknown.

    `lacking` names the fields for whose sake it is unknown, or never comes: they are missing, or of a wrong type.
    """

    kind: str
    verdict: bool | None
    words: str
    evidence: JsonObject = {}
    lacking: tuple[str, ...] = ()
    clauses: "tuple[Clause, ...]" = ()


class Said(NamedTuple):
    """What one condition says of its own verdict; its kind, its verdict and its evidence are known already."""

    words: str
    lacking: tuple[str, ...] = ()
    clauses: tuple[Clause, ...] = ()


def of_matchers(told: Told) -> Clause:
    """The tree of matchers."""
    if told.clause is None:
        parts = tuple(of_matchers(part) for part in told.parts)
        return Clause(kind=told.word, verdict=told.verdict, words=sentence(told), clauses=parts)
    found = told.clause
    evidence = {"path": found.path, "found": found.found, "matcher": found.matcher}
    return Clause(kind="field", verdict=told.verdict, words=sentence(told), evidence=evidence, lacking=told.lacking)


def parts_of_matchers(told: Told) -> tuple[Clause, ...]:
    """The same without the node on top, where that only says that all must match."""
    clause = of_matchers(told)
    return clause.clauses if clause.kind == "all" else (clause,)


def lacking_in(clause: Clause) -> tuple[str, ...]:
    """The fields for whose sake the clause, or what of it matters, is unknown. Sorted."""
    if clause.verdict is not None:
        return ()
    return tuple(sorted({*clause.lacking, *(field for part in clause.clauses for field in lacking_in(part))}))

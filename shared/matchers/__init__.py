"""Matchers: what `audience`, `where`, `trait` and `if` ask of an account, a user, an event. Pure.

    compiled = compile_matchers({"account.plan": ["pro", "enterprise"], "account.mrr": {"at_least": 1000}})
    compiled.verdict({"account": {"id": "a1", "plan": "pro"}}, now)      None: there is no mrr

`Matchers` is the same as a field of a pydantic model. `docs/plays.md` lists the words.
"""

from shared.matchers.compiled import Clause, CompiledMatchers, Told, compile_matchers
from shared.matchers.field import AccountMatchers, EventMatchers, Matchers, MatchersOver, StepMatchers
from shared.matchers.moments import first_instant, moment_of
from shared.matchers.paths import ROOTS, check_path, reach
from shared.matchers.refusal import Refused, nearest, refusal, show
from shared.matchers.told import asked, sentence

__all__ = [
    "ROOTS",
    "AccountMatchers",
    "Clause",
    "CompiledMatchers",
    "EventMatchers",
    "Matchers",
    "MatchersOver",
    "Refused",
    "StepMatchers",
    "Told",
    "asked",
    "check_path",
    "compile_matchers",
    "first_instant",
    "moment_of",
    "nearest",
    "reach",
    "refusal",
    "sentence",
    "show",
]

"""What holds a play's deliveries: far more runs than usual, or no events at all.

    guard: {max_runs: 50 per day, fresh: 6h}

It changes no run: runs do not depend on what other accounts do. `actions` holds what is past it, and the run says so.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.rules.core.fields import Duration, Form
from shared.instants import DAY, HOUR, WEEK, Microseconds
from shared.records import Guard as GuardRecord

_RUNS_PER = re.compile(r"([0-9]{1,9}) per (hour|day|week)")
_SPANS = {"hour": HOUR, "day": DAY, "week": WEEK}


class RunsPer(Form):
    """At most so many runs in any span of time."""

    runs: int
    span: Microseconds


def _runs_per(found: object) -> object:
    read = _RUNS_PER.fullmatch(found) if isinstance(found, str) else None
    if read is None:
        raise PydanticCustomError("max_runs", "Input should be a number of runs such as 50 per day (hour, day or week)")
    return RunsPer(runs=int(read[1]), span=_SPANS[read[2]])


RunsPerField = Annotated[
    RunsPer, BeforeValidator(_runs_per), WithJsonSchema({"type": "string", "pattern": f"^{_RUNS_PER.pattern}$"})
]


class Guard(Form):
    """`max_runs` by default 100 a day, or 10% of the accounts where that is more; `fresh` by default not asked."""

    max_runs: RunsPerField | None = None
    fresh: Duration | None = None

    def record(self, names: tuple[str, ...]) -> GuardRecord:
        """As it goes out with each run; `names` are those of the events that the play hears."""
        most = self.max_runs
        return GuardRecord(
            max_runs=None if most is None else most.runs,
            per=DAY if most is None else most.span,
            fresh=self.fresh,
            names=names if self.fresh is not None else (),
        )

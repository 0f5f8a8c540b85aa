"""The row of `delivery` that a reached step becomes."""

import uuid
from collections.abc import Mapping
from typing import Any

from services.actions.core.progress import Reached, Steps, next_step
from services.actions.core.steps import Wait
from services.actions.core.waits import MissingDate, waits_until
from shared.instants import Instant
from shared.records import RunOpened

# A delivery's id is made from its run and step, so that the same step of the same run is the same delivery wherever it is made.
_DELIVERIES = uuid.UUID("0b5f2b0e-8a44-5d39-9a6b-1f0e7b1c7a55")


# The reason of a wait for the run's tasks: by it it is found when one is closed.
UNTIL_DONE = "until done"


def delivery_id(run_id: str, step: str) -> str:
    """The id of a step's delivery."""
    return str(uuid.uuid5(_DELIVERIES, f"{run_id}/{step}"))


def next_delivery(
    run: RunOpened, steps: Steps, finished: str | None, context: Mapping[str, Any], reached_at: Instant
) -> dict[str, Any] | None:
    """The delivery that follows the step `finished` (None: the run's first); None when there is no more."""
    reached = next_step(steps, finished, context, reached_at)
    if reached is None:
        return None
    return {
        "delivery_id": delivery_id(run.run_id, reached.path),
        "run_id": run.run_id,
        "step": reached.path,
        "kind": reached.step.kind,
        "destination": None if isinstance(reached.step, Wait) else reached.step.to,
        "play": run.play,
        "account_id": run.account_id,
        "state": "waiting",
        "due_at": _due(reached, context, reached_at),
        "attempt": 0,
        "reason": UNTIL_DONE if isinstance(reached.step, Wait) and reached.step.until == "done" else None,
        "created_at": reached_at,
    }


def _due(reached: Reached, context: Mapping[str, Any], reached_at: Instant) -> Instant:
    if not isinstance(reached.step, Wait):
        return reached_at
    try:
        return waits_until(reached.step, reached_at, context)
    except MissingDate:
        # Due at once: whoever carries it out finds the same and says so in the dead letter.
        return reached_at

"""A run as one line of JSON: what other programs read. Instants are ISO 8601."""

from typing import Any

import msgspec

from services.rules.backtest.replay import PastRun
from shared.instants import show_instant

_encode = msgspec.json.Encoder().encode


def run_line(run: PastRun, steps: list[Any], has_goal: bool = False) -> bytes:
    """The run with its steps (as they would have been sent), without a line end; `goal_reached_at` where its play has a goal."""
    opened = run.opened
    goal: dict[str, Any] = {}
    if has_goal:
        goal["goal_reached_at"] = show_instant(run.goal_at) if run.goal == "reached" and run.goal_at is not None else None
    return _encode(
        {
            "run_id": opened.run_id,
            "play": opened.play,
            "version": opened.version,
            "subject": opened.subject,
            "account_id": opened.account_id,
            "user_id": opened.user_id,
            "opened_at": show_instant(opened.opened_at),
            "resolved_at": None if run.resolved_at is None else show_instant(run.resolved_at),
            "arm": opened.arm,
            **goal,
            "evidence": opened.evidence,
            "steps": steps,
        }
    )

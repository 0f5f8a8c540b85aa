"""For how many subjects plays were true already when they were applied: asked until every account has been looked at."""

import time
from typing import Any

from services.cli.api import Api

_AGAIN_SECONDS = 0.1


def with_already_true(api: Api, changes: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """The changes that an apply made, each with its `already_true`; None where it is not known after so many seconds."""
    deadline = time.monotonic() + seconds
    waited_for = {change["play"] for change in changes if change["change"] in {"created", "changed", "restored"}}
    while True:
        known = {play["play"]: play["already_true"] for play in api.get("/api/v1/plays")["items"]}
        if all(known.get(play) is not None for play in waited_for) or time.monotonic() >= deadline:
            return [{**change, "already_true": known.get(change["play"])} for change in changes]
        time.sleep(_AGAIN_SECONDS)

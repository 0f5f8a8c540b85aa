"""What counts as a number, and as one value among others, in a property."""

import json
import math
from typing import Any


def number_of(found: Any) -> int | float | None:
    """The value as a finite number; a text, a truth value or nothing is None."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return found


def text_of(found: Any) -> str | None:
    """The value as canonical JSON text, so that 1 and "1" differ; None where there is none."""
    return None if found is None else json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

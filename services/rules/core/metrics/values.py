"""What counts as a number, and as one value among others, in a property."""

import json
from typing import Any

# Far from where adding up ends in infinity, which no JSON can hold.
LARGEST = 1e300


def number_of(found: Any) -> int | float | None:
    """The value as a number; a text, a truth value, nothing, or what is too large to be added up is None."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not -LARGEST <= found <= LARGEST:
        return None
    return found


def text_of(found: Any) -> str | None:
    """The value as canonical JSON text, so that 1 and "1" differ; None where there is none."""
    return None if found is None else json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

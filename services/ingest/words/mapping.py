"""From a vendor's object to our words, by paths: `detail.status`, `data.items.0.price.id`, `answers[type=number].number`."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from shared.records import JsonObject

_STEP = re.compile(r"([^.\[\]]+)|\[([^=\]]+)=([^\]]*)\]")


def dig(value: Any, path: str) -> Any:
    """What is at `path`; None where any part of the way is missing. `[key=text]` takes the first of a list that has it."""
    for key, name, text in _steps(path):
        if name:
            value = _first_with(value, name, text)
        elif isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def picked(value: Any, paths: Mapping[str, str]) -> JsonObject:
    """Our words, as far as the vendor's object has them; of `one.path | another`, the first that leads to something."""
    found = {word: first(value, path) for word, path in paths.items()}
    return {word: each for word, each in found.items() if each is not None}


def first(value: Any, paths: str) -> Any:
    """What is at the first of the paths, with ` | ` between them, that leads to something; None where none does."""
    found = (dig(value, path) for path in paths.split(" | "))
    return next((each for each in found if each is not None and each != ""), None)


def text_at(value: Any, path: str) -> str | None:
    """A text or a number at `path`, as text: an id, whatever the vendor writes it as."""
    found = dig(value, path)
    if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
        return None
    return str(found)


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((found[1] or "", found[2] or "", found[3] or "") for found in _STEP.finditer(path))


def _first_with(value: Any, name: str, text: str) -> Any:
    if not isinstance(value, list):
        return None
    return next((each for each in value if isinstance(each, dict) and str(dig(each, name)) == text), None)

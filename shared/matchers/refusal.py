"""How a word in a document is refused: what was found, what is allowed, and the nearest allowed word.

Every reader of the play language raises these inside pydantic, so that a person sees the same kind of sentence everywhere.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic_core import PydanticCustomError

Place = tuple[str | int, ...]


class Refused(Exception):
    """A value that cannot be. `place` leads to it from where reading began; `key` says that the key itself is wrong."""

    def __init__(
        self,
        message: str,
        *,
        found: object,
        allowed: Iterable[str] = (),
        code: str = "value",
        place: Place = (),
        key: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.found = found
        self.allowed = list(allowed)
        self.code = code
        self.place = place
        self.key = key

    def as_pydantic(self) -> PydanticCustomError:
        """The same as pydantic's own error; `found`, `allowed`, `nearest` and `key` are in its `ctx`."""
        return refusal(self.code, self.message, found=self.found, allowed=self.allowed, key=self.key)


def nearest(word: object, allowed: Iterable[str]) -> str | None:
    """The allowed word that is most like `word`, or None when none is alike. `-`, `_` and case make no difference."""
    if not isinstance(word, str):
        return None
    plain = {option.lower().replace("-", "_"): option for option in allowed}
    close = get_close_matches(word.lower().replace("-", "_").replace(" ", "_"), plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def refusal(code: str, message: str, *, found: object, allowed: Iterable[str] = (), key: bool = False) -> PydanticCustomError:
    """An error to raise in a pydantic validator. To the message are added the nearest allowed word, or all of a few.

    `key` says that the last key of the error's place is wrong, and not the value under it.
    """
    options = list(allowed)
    near = nearest(found, options)
    context: dict[str, Any] = {"message": message + advice(near, options), "found": show(found), "allowed": options, "key": key}
    if near is not None:
        context["nearest"] = near
    return PydanticCustomError(code, "{message}", context)


def advice(near: str | None, options: list[str]) -> str:
    """What to write instead, as the end of a sentence; empty when nothing is known."""
    if near is not None:
        return f"; did you mean {near}?"
    if 0 < len(options) <= 24:
        return f"; allowed: {', '.join(options)}"
    return ""


def show(found: object) -> str:
    """A value as it would stand in YAML, cut to 80 characters."""
    if found is None:
        text = "nothing"
    elif isinstance(found, bool):
        text = "true" if found else "false"
    elif isinstance(found, dict):
        text = "a mapping"
    elif isinstance(found, list):
        text = "a list"
    else:
        text = str(found)
    return text if len(text) <= 80 else text[:79] + "…"

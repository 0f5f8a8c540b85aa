"""What a promotion set beside a play's file: its mode and rollout.

It counts until the file says something else about them than it did when the play was promoted; every listing shows it.
"""

from typing import NamedTuple

import msgspec

from shared.records import JsonObject

_KEYS = ("mode", "rollout")


class PromotedPlay(NamedTuple):
    """A checked play with what was promoted written in."""

    name: str
    document: JsonObject
    source: str


class Promoted(msgspec.Struct, frozen=True):
    """`given` is what counts, `file` what the file said then; a key that is absent was not said."""

    given: dict[str, str]
    file: dict[str, str]

    def holds(self, document: JsonObject) -> bool:
        """Whether the file says the same of mode and rollout as when the play was promoted."""
        return said(document) == self.file

    def text(self) -> str:
        """As stored in `play.promoted`."""
        return msgspec.json.encode(self).decode()

    def over(self, document: JsonObject) -> JsonObject:
        """The file's document with what was promoted."""
        return {**document, **self.given}


def said(document: JsonObject) -> dict[str, str]:
    """What a document says of mode and rollout."""
    return {key: document[key] for key in _KEYS if key in document}


def read_promoted(text: str | None) -> Promoted | None:
    """The promotion that `text` made, if any."""
    return None if text is None else msgspec.json.decode(text, type=Promoted)


def promoted_again(before: Promoted | None, document: JsonObject, given: dict[str, str]) -> Promoted:
    """One promotion more; `document` is what counted so far."""
    if before is None:
        return Promoted(given=given, file=said(document))
    return Promoted(given={**before.given, **given}, file=before.file)

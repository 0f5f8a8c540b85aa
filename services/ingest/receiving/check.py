"""What `successplays plays check` asks of sources, before anything is applied."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from services.ingest.sources.contract import sources

Found = list[tuple[tuple[str | int, ...], str]]


def check_source(name: str, settings: Mapping[str, Any]) -> Found:
    """Everything that is wrong with one source of successplays.yaml, as (place, message); its secrets are not looked up."""
    kind = str(settings.get("kind") or name)
    source = sources().get(kind)
    if source is None:
        near = difflib.get_close_matches(kind, sources(), n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        return [(("kind",) if "kind" in settings else (), f"there is no kind of source {kind!r}: there are {known()}{meant}")]
    try:
        parsed = source.settings.model_validate(dict(settings))
    except ValidationError as error:
        return [(tuple(each["loc"]), each["msg"].removeprefix("Value error, ")) for each in error.errors(include_url=False)]
    if not parsed.token and (source.verified is None or not parsed.secret):
        return [((), f"{name} needs a {'token' if source.verified is None else 'secret or a token'}: {_PROOF}")]
    return parsed.problems()  # type: ignore[return-value]  # a place of texts is one of texts and numbers


def known() -> str:
    """The kinds of sources that there are, in words."""
    return ", ".join(sorted(sources()))


_PROOF = "without one anybody could send events"

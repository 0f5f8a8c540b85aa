"""The catalogue of event names, written into `successplays.yaml` as text: everything that stands there stays as it is.

events:
report.exported: {since: 2025-01-01, properties: [format, pages]}  # 1,204 events
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from services.cli.failures import WrongUsage
from shared.workspace.document import EventName
from shared.workspace.event_names import OUR_OWN
from shared.workspace.files import SETTINGS
from shared.workspace.yaml import read_yaml

# Words that YAML would not read as text.
_PLAIN = re.compile(r"[A-Za-z_$][\w$.-]*")
_WORDS = ("true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL")
_TOP_KEY = re.compile(r"[^\s#-]")


class Seen(NamedTuple):
    """An event name that was heard: how often, since which day, and the names of its properties."""

    name: str
    events: int
    since: str
    properties: list[str]


def with_new_names(text: str, seen: Sequence[Seen]) -> tuple[str, list[Seen]]:
    """The settings' text with an entry for every name that it has none for, and these names.

    Raises WrongUsage: the text is not right by itself, or its catalogue is written in one line.
    """
    read = read_yaml(text, SETTINGS)
    if read.problems:
        first = read.problems[0]
        raise WrongUsage(f"{SETTINGS}:{first.line}:{first.column}: {first.message}")
    data = read.data if isinstance(read.data, dict) else {}
    known = data.get("events") or {}
    new = [one for one in sorted(seen) if one.name not in known and one.name not in OUR_OWN and _may_stand(one.name)]
    if not new:
        return text, []
    lines = text.splitlines()
    if "events" not in data:
        while lines and not lines[-1].strip():
            lines.pop()
        made = [*lines, "events:", *(f"  {_entry(one)}" for one in new)]
    else:
        start = next(number for number, line in enumerate(lines) if re.match(r"events\s*:", line))
        made = _inserted(lines, start, new, empty=not known)
    changed = "\n".join(made) + "\n"
    if read_yaml(changed, SETTINGS).problems:
        raise WrongUsage(f"{SETTINGS}: the catalogue stands in it in a way that cannot be added to; write one event to a line")
    return changed, new


def _may_stand(name: str) -> bool:
    """Names from other alphabets are taken in, but no play can ask for them, and no catalogue can hold them."""
    try:
        TypeAdapter(EventName).validate_python(name)
    except ValidationError:
        return False
    return True


def _inserted(lines: list[str], start: int, new: list[Seen], *, empty: bool) -> list[str]:
    """The lines with the new entries after the last one of the catalogue that begins at `start`."""
    head = lines[start].partition(":")[2].partition("#")[0].strip()
    if head not in ("", "{}") or (head == "{}" and not empty):
        raise WrongUsage(f"{SETTINGS}:{start + 1}: the catalogue is written in one line; write one event to a line")
    if head:
        lines = [*lines[:start], lines[start].replace("{}", "", 1).rstrip(), *lines[start + 1 :]]
    end = next((number for number in range(start + 1, len(lines)) if _TOP_KEY.match(lines[number])), len(lines))
    # What stands between it and the next key, blank lines and comments, is the next key's.
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    first = next((line for line in lines[start + 1 : end] if line.strip() and not line.strip().startswith("#")), "  ")
    indent = first[: len(first) - len(first.lstrip())] or "  "
    return [*lines[:end], *(f"{indent}{_entry(one)}" for one in new), *lines[end:]]


def _entry(one: Seen) -> str:
    properties = f", properties: [{', '.join(_scalar(name) for name in one.properties)}]" if one.properties else ""
    events = "1 event" if one.events == 1 else f"{one.events:,} events"
    return f"{_scalar(one.name)}: {{since: {one.since}{properties}}}  # {events}"


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) is not None and text not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)

"""What the partition of an alias does with the events and mappings that are logged under it.

An event that goes on to another alias leaves a trail: by which aliases it came, and where it went. What is learnt later of one of
them is told along the trail, from partition to partition behind the events, and releases those that wait.

    zendesk:org:99 ──event──► email:jo@acme.example ──event──► domain:acme.example (waits)
    zendesk:org:99 ──means acme──► ...              ──means acme──► ...  (released)
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from services.rules.bulk import Row
from services.rules.core.identity import Meaning, came_by, forward, key_of, meaning_of, release, together
from services.rules.heard import About
from services.rules.reading import Slice
from services.rules.rows import Rows
from shared.instants import Instant
from shared.records import Event, Mapping

decode_event = msgspec.json.Decoder(Event).decode


class Needed(NamedTuple):
    """What a batch needs to know of aliases."""

    # Those whose meaning matters.
    meant: set[str]
    # Those under which events may wait that it releases.
    released: set[str]
    # (alias, what is learnt): where events may have gone.
    trails: set[tuple[str, str]]


def needed_by(parts: Iterable[Slice]) -> Needed:
    """What a batch needs to know of aliases."""
    needed = Needed(set(), set(), set())
    for part in parts:
        for record, key, _ in part.abouts:
            needed.meant.add(key)
            if isinstance(record, Mapping):
                needed.released.add(key)
                needed.trails.add((key, record.alias))
    return needed


class Identity:
    """The aliases of one batch: what is known of them, changed as its records are taken in order."""

    def __init__(self, meanings: dict[str, Meaning], waiting: Iterable[Row], trails: Iterable[Row], rows: Rows) -> None:
        """`waiting` are (about, source, id, record), `trails` (alias, via, onward)."""
        self._meanings = meanings
        self._rows = rows
        self._waiting: dict[str, dict[tuple[str, str], Event]] = {}
        for about, source, name, record in waiting:
            self._waiting.setdefault(about, {})[(source, name)] = decode_event(record)
        # The order of their names: each told at once, they are appended in the same order whatever the database answers.
        self._trails: dict[tuple[str, str], dict[str, None]] = {}
        for alias, via, onward in sorted(trails):
            self._trails.setdefault((alias, via), {})[onward] = None

    def take(self, part: Slice) -> None:
        """Take the partition's records that are about an alias."""
        for about in part.abouts:
            if isinstance(about.record, Mapping):
                self._learn(part, about.record, about.key, about.at)
            else:
                self._place(part, about, about.record)

    def _place(self, part: Slice, about: About, event: Event) -> None:
        owner = part.owned.owner
        if about.key != key_of(event):
            self._rows.log_again(owner, event)
            return
        onward = forward(event, self._meanings.get(about.key), about.at)
        if onward is not None:
            self._send_on(part, event, onward)
        else:
            self._rows.add_unassigned(about.key, event, part.owned.partition, about.at)
            self._waiting.setdefault(about.key, {}).setdefault((event.source, event.id), event)

    def _send_on(self, part: Slice, event: Event, onward: Event) -> None:
        self._rows.log_again(part.owned.owner, onward)
        if onward.account_id is not None or onward.about is None:
            return
        here = event.about or ""
        for via in came_by(event):
            if onward.about not in self._trails.setdefault((here, via), {}):
                self._trails[here, via][onward.about] = None
                self._rows.add_trail(here, via, onward.about, part.owned.partition)

    def _learn(self, part: Slice, mapping: Mapping, key: str, at: Instant) -> None:
        meaning, place = meaning_of(mapping), mapping.told[-1] if mapping.told else mapping.alias
        if meaning is None:
            return
        if key != place:
            self._rows.log_mapping(part.owned.owner, mapping, place, at)
            return
        if mapping.told:
            self._tell_on(part, mapping, meaning, key, at)
        else:
            known = self._meanings.get(key)
            meaning = together(meaning, known)
            if meaning == known:
                return
            self._meanings[key] = meaning
            self._rows.add_alias(key, meaning, part.owned.partition, at)
            self._tell_on(part, mapping, meaning, key, at)
        self._release(part, mapping.alias, meaning, key, at)

    def _tell_on(self, part: Slice, mapping: Mapping, meaning: Meaning, key: str, at: Instant) -> None:
        """Have those told to whom events went on from here; each once on a way, since aliases may lie in a circle.

        When it is an account, no event will come this way without one, and the trail ends.
        """
        for onward in self._trails.get((key, mapping.alias), {}):
            if onward not in (mapping.alias, *mapping.told):
                told = Mapping(alias=mapping.alias, told=(*mapping.told, onward), **meaning._asdict())
                self._rows.log_mapping(part.owned.owner, told, onward, at)
            if meaning.account_id is not None:
                self._rows.end_trail(key, mapping.alias, onward)
        if meaning.account_id is not None:
            self._trails.pop((key, mapping.alias), None)

    def _release(self, part: Slice, alias: str, meaning: Meaning, key: str, at: Instant) -> None:
        for name, event in list(self._waiting.get(key, {}).items()):
            onward = release(event, alias, meaning, at) if alias in came_by(event) else None
            if onward is not None:
                self._send_on(part, event, onward)
                self._rows.released.append((key, *name))
                del self._waiting[key][name]

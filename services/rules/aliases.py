"""What the partition of an alias does with the events and mappings that are logged under it."""

from collections.abc import Iterable

import msgspec

from services.rules.bulk import Row
from services.rules.core.identity import Meaning, domain_alias, forward, key_of, meaning_of
from services.rules.heard import About
from services.rules.reading import Slice
from services.rules.rows import Rows
from shared.instants import Instant
from shared.records import Event, Mapping

decode_event = msgspec.json.Decoder(Event).decode


def aliases_of(parts: Iterable[Slice]) -> tuple[set[str], set[str]]:
    """The aliases whose meaning a batch needs, and those under which events may wait that it releases."""
    meant: set[str] = set()
    released: set[str] = set()
    for part in parts:
        for record, key, _ in part.abouts:
            meant.add(key)
            if isinstance(record, Mapping):
                released.add(key)
    return meant, released


class Identity:
    """The aliases of one batch: what is known of them, changed as its records are taken in order."""

    def __init__(self, meanings: dict[str, Meaning], waiting: Iterable[Row], rows: Rows) -> None:
        """`waiting` are (about, source, id, record)."""
        self._meanings = meanings
        self._rows = rows
        self._waiting: dict[str, dict[tuple[str, str], Event]] = {}
        for about, source, name, record in waiting:
            self._waiting.setdefault(about, {})[(source, name)] = decode_event(record)

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
            self._rows.log_again(owner, onward)
        else:
            self._rows.add_unassigned(about.key, event, part.owned.partition, about.at)
            self._waiting.setdefault(about.key, {}).setdefault((event.source, event.id), event)

    def _learn(self, part: Slice, mapping: Mapping, key: str, at: Instant) -> None:
        meaning = meaning_of(mapping)
        if meaning is None:
            return
        owner, domain = part.owned.owner, domain_alias(mapping.alias)
        if key == domain:
            self._release_from_domain(part, mapping, meaning, key, at)
        elif key != mapping.alias:
            self._rows.log_mapping(owner, mapping, mapping.alias, at)
        else:
            if self._meanings.get(key) != meaning:
                self._meanings[key] = meaning
                self._rows.add_alias(key, meaning, part.owned.partition, at)
                if domain is not None:
                    # Events of this address that came before may wait where its domain is kept.
                    self._rows.log_mapping(owner, mapping, domain, at)
            self._release(owner, key, list(self._waiting.get(key, {}).values()), meaning, at)

    def _release_from_domain(self, part: Slice, mapping: Mapping, meaning: Meaning, key: str, at: Instant) -> None:
        of_address = [event for event in self._waiting.get(key, {}).values() if event.via[-1:] == (mapping.alias,)]
        self._release(part.owned.owner, key, of_address, meaning, at)

    def _release(self, owner: str, key: str, events: list[Event], meaning: Meaning, at: Instant) -> None:
        for event in events:
            onward = forward(event, meaning, at)
            if onward is not None:
                self._rows.log_again(owner, onward)
                self._rows.released.append((key, event.source, event.id))
                del self._waiting[key][(event.source, event.id)]

"""Partitions at their own pace: whatever the order, an event finds its account once, if any of its aliases means one."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from services.rules.aliases import Identity, needed_by
from services.rules.bulk import Row
from services.rules.core.identity import Meaning, together
from services.rules.heard import About
from services.rules.reading import Slice
from services.rules.rows import Rows
from shared.aliases import domain_of
from shared.records import Event, Mapping, decode_events_record

PARTITIONS = 3
ALIASES = ["a:1", "b:2", "c:3", "d:4", "email:jo@acme.example", "domain:acme.example"]
ACCOUNTS = ["acme", "zen"]


class Owned(NamedTuple):
    partition: int
    owner: str


class Part(NamedTuple):
    owned: Owned
    abouts: list[About]


@dataclass
class Partition:
    """A partition's records that were not taken yet, what its worker stored, and its outbox."""

    number: int
    records: deque[tuple[str, Event | Mapping]] = field(default_factory=deque)
    meanings: dict[str, Meaning] = field(default_factory=dict)
    waiting: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    trails: set[tuple[str, str, str]] = field(default_factory=set)
    outbox: deque[Row] = field(default_factory=deque)

    def take(self, count: int) -> None:
        """A batch of at most so many records."""
        taken = [self.records.popleft() for _ in range(min(count, len(self.records)))]
        part = cast(Slice, Part(Owned(self.number, f"rules:{self.number}"), [About(record, key, 0) for key, record in taken]))
        needed, rows = needed_by([part]), Rows(replay=False)
        waiting = [(*key, row[-1]) for key, row in self.waiting.items() if key[0] in needed.released]
        meanings = {alias: meaning for alias, meaning in self.meanings.items() if alias in needed.meant}
        Identity(meanings, waiting, [trail for trail in self.trails if trail[:2] in needed.trails], rows).take(part)
        self._keep(rows)

    def _keep(self, rows: Rows) -> None:
        self.meanings |= {alias: Meaning(*row[2:4]) for alias, row in rows.aliases.items()}
        for row in rows.unassigned:
            self.waiting.setdefault((row[0], row[1], row[2]), row)
        for about, source, name in rows.released:
            del self.waiting[about, source, name]
        for trail, row_or_none in rows.trails.items():
            (self.trails.discard if row_or_none is None else self.trails.add)(trail)
        self.outbox += rows.outbox


class World:
    """Some partitions, and the events that came to have an account."""

    def __init__(self) -> None:
        self.partitions = [Partition(number) for number in range(PARTITIONS)]
        self.found: dict[str, list[str]] = {}

    def send(self, key: str, record: Event | Mapping) -> None:
        if isinstance(record, Event) and record.account_id is not None:
            self.found.setdefault(record.id, []).append(record.account_id)
        else:
            self.partitions[sum(key.encode()) % PARTITIONS].records.append((key, record))

    def publish(self, partition: Partition, count: int) -> None:
        for _ in range(min(count, len(partition.outbox))):
            _, _, key, value, _ = partition.outbox.popleft()
            record = decode_events_record(value)
            assert isinstance(record, Event | Mapping)
            self.send(key, record)

    def settle(self) -> None:
        """Until nothing is left to do; a record that goes round for ever is a failure."""
        for _ in range(2_000):
            busy = [one for one in self.partitions if one.records or one.outbox]
            if not busy:
                return
            for one in busy:
                one.take(10)
                self.publish(one, 10)
        raise AssertionError("records go round for ever")


def alias() -> st.SearchStrategy[str]:
    return st.sampled_from(ALIASES)


def an_event() -> st.SearchStrategy[Any]:
    return st.lists(alias(), min_size=1, max_size=4, unique=True)


def a_mapping() -> st.SearchStrategy[Any]:
    account = st.tuples(alias(), st.sampled_from(ACCOUNTS)).map(lambda given: Mapping(alias=given[0], account_id=given[1]))
    return account | st.tuples(alias(), alias()).map(lambda given: Mapping(alias=given[0], same_as=given[1]))


def a_step() -> st.SearchStrategy[Any]:
    return st.tuples(st.integers(0, PARTITIONS - 1), st.integers(1, 3), st.booleans())


def means(aliases: list[str], mappings: dict[str, Meaning]) -> set[str]:
    """The accounts that are known of these aliases, of what they are the same as, and of the domains of addresses."""
    asked, open_aliases, accounts = set(), list(aliases), set()
    while open_aliases:
        one = open_aliases.pop()
        if one in asked:
            continue
        asked.add(one)
        meaning = mappings.get(one, Meaning(None, None))
        open_aliases += [each for each in (meaning.same_as, domain_of(one)) if each is not None]
        accounts |= {meaning.account_id} - {None}
    return cast(set[str], accounts)


@given(st.lists(an_event() | a_mapping() | a_step(), min_size=2, max_size=30))
@settings(max_examples=300, deadline=None)
def test_an_event_finds_its_account_once(story: list[Any]) -> None:
    world, events, ever = World(), {}, set()
    last: dict[str, Meaning] = {}
    for number, one in enumerate(story):
        if isinstance(one, list):
            events[f"e{number}"] = one
            event = Event(id=f"e{number}", name="x", source="s", about=one[0], else_about=tuple(one[1:]))
            world.send(one[0], event)
        elif isinstance(one, Mapping):
            world.send(one.alias, one)
            if one.same_as != one.alias:
                last[one.alias] = together(Meaning(one.account_id, one.same_as), last.get(one.alias))
            ever |= {one.account_id} - {None}
        else:
            partition, count, publishes = one
            if publishes:
                world.publish(world.partitions[partition], count)
            else:
                world.partitions[partition].take(count)
    world.settle()
    for name, aliases in events.items():
        found = world.found.get(name, [])
        assert len(found) <= 1, f"{name} was released more than once"
        assert found or not means(aliases, last), f"{name} still waits, though {aliases} mean {means(aliases, last)}"
        assert set(found) <= ever
    left = [row for partition in world.partitions for row in partition.waiting]
    assert len(left) + sum(map(len, world.found.values())) == len(events)

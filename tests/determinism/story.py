"""A story is a log: records in the order of the log, each with its time. What it means is taken straight from the engine here.

    Story(records=[Told(at, Applied(...)), Told(at, Event(...)), ...], until)

Events go to their account's partition, a change of plays to every one. `meant` is the reference: one account after the other,
record by record, nothing kept in between; no worker, no database, no log.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from services.rules.catalog import Catalog
from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account, encode_document
from shared.instants import Instant, month_of
from shared.records import Applied, Event, Paused, Resumed, RunsRecord, as_json, encode


class Told(NamedTuple):
    """One record, and the time that the log gives it."""

    at: Instant
    record: Event | Applied | Paused | Resumed


class Story(NamedTuple):
    """A whole log; time goes on until `until`, whose deadlines are taken too."""

    records: list[Told]
    until: Instant


class Outcome(NamedTuple):
    """Everything that must be the same. All values are JSON or plain, so that a difference can be read."""

    runs: dict[str, Any]
    decisions: dict[str, Any]
    published: dict[tuple[str, str], RunsRecord]
    documents: dict[tuple[str, str, str], Any]
    # For how many subjects each play was true already when its version was applied.
    already: dict[str, int]


def meant(story: Story) -> Outcome:
    """What the story means, by the engine alone."""
    effects = Effects()
    documents: dict[tuple[str, str, str], Any] = {}
    accounts = {told.record.account_id or "": None for told in story.records if isinstance(told.record, Event)}
    already: Counter[str] = Counter()
    for account_id in accounts:
        life = _Life(account_id, effects)
        account = life.through(story)
        already += life.already
        for key, document in account.subjects.items():
            documents[account_id, key.kind, key.value] = msgspec.json.decode(encode_document(document))
    return outcome_of(effects, documents, already)


class _Life:
    """One account, heard record by record."""

    def __init__(self, account_id: str, effects: Effects) -> None:
        self._account_id = account_id
        self._effects = effects
        self._catalog = Catalog()
        self._engine = Engine(self._catalog.applied)
        self._account: Account | None = None
        self._history: list[Event] = []
        self._known: set[tuple[int, str, str]] = set()
        self.already: Counter[str] = Counter()

    def through(self, story: Story) -> Account:
        for offset, (at, record) in enumerate(story.records):
            if not isinstance(record, Event):
                self._change(record, offset, at)
            elif record.account_id == self._account_id:
                self._hear(_received(record, at))
        if self._account is None:
            raise ValueError(f"nothing is heard of {self._account_id}")
        self._engine.pass_time(self._account, story.until + 1, self._effects)
        return self._account

    def _change(self, record: Applied | Paused | Resumed, offset: int, at: Instant) -> None:
        """The deadlines before it are taken by the plays so far, those at its instant by the new ones."""
        if self._account is not None:
            self._engine.pass_time(self._account, at, self._effects)
        before, self._catalog = self._catalog, self._catalog.after(record, offset, at)
        self._engine = Engine(self._catalog.applied, self._catalog.paused)
        if self._account is not None and self._catalog.offset != before.offset:
            names = self._engine.warm_names(before.applied)
            history = [event for event in self._history if names is None or event.name in names]
            versions = {play.play: play.version for play in before.applied.plays}
            kept = {play.play for play in self._catalog.applied.plays if versions.get(play.play) == play.version}
            found = len(self._effects.already)
            self._engine.warm(self._account, history, at, self._effects)
            self.already = Counter({play: number for play, number in self.already.items() if play in kept})
            self.already.update(self._effects.already[found:])

    def _hear(self, event: Event) -> None:
        month = month_of(event.received_at)
        if {(month, event.source, event.id), (month - 1, event.source, event.id)} & self._known:
            return
        self._known.add((month, event.source, event.id))
        self._history.append(event)
        if self._account is None:
            self._account = Account(self._account_id, event.received_at, {})
        self._engine.pass_time(self._account, event.received_at, self._effects)
        self._engine.take(self._account, event, self._effects)


def _received(event: Event, at: Instant) -> Event:
    occurred_at = at if event.occurred_at is None else min(event.occurred_at, at)
    return msgspec.structs.replace(event, occurred_at=occurred_at, received_at=at)


def outcome_of(effects: Effects, documents: dict[tuple[str, str, str], Any], already: Counter[str]) -> Outcome:
    """What was decided, as it is stored and published."""
    ends = {end.run_id: (end.resolved_at, end.reason) for end in effects.resolved}
    goals = {goal.run_id: (goal.at, goal.outcome) for goal in effects.goals}
    runs = {
        run.run_id: (
            *(run.play, run.version, run.account_id, run.subject, run.user_id, run.opened_at, run.arm, _plain(run.evidence)),
            *ends.get(run.run_id, (None, None)),
            *goals.get(run.run_id, (None, None)),
        )
        for run in effects.opened
    }
    decisions = {
        one.decision_id: (one.play, one.version, one.account_id, one.subject, one.at, one.reason, _plain(one.detail))
        for one in effects.decisions
    }
    assert "error" not in {one.reason for one in effects.decisions}
    records = published([*effects.opened, *effects.resolved, *effects.goals])
    return Outcome(runs, decisions, records, documents, dict(already))


def published(records: Iterable[RunsRecord]) -> dict[tuple[str, str], RunsRecord]:
    """The records of topic `runs`, each once; what is there twice must be the same."""
    found: dict[tuple[str, str], RunsRecord] = {}
    for record in records:
        assert found.setdefault((type(record).__name__, record.run_id), record) == record
    return found


def _plain(value: Any) -> Any:
    return msgspec.json.decode(encode(value))


def tell(name: str, at: Instant, account: str = "acme", **fields: Any) -> Told:
    """An event that is heard when it occurs; `properties` and everything else as given."""
    properties = as_json(fields.pop("properties", {}))
    named = {"id": f"{account}-{name}-{at}", "source": "test", "account_id": account, "occurred_at": at, **fields}
    return Told(at, Event(name=name, properties_json=properties, **named))


def differences(found: Outcome, meant: Outcome) -> list[tuple[str, Any, Any, Any]]:
    """What is not the same, as (what, its key, as found, as meant)."""
    different: list[tuple[str, Any, Any, Any]] = []
    for what in Outcome._fields:
        one: dict[Any, Any] = getattr(found, what)
        other: dict[Any, Any] = getattr(meant, what)
        different += [(what, key, one.get(key), other.get(key)) for key in one | other if one.get(key) != other.get(key)]
    return different

"""The rows that one batch writes, by table: what `store.write` stores in the batch's one transaction."""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
from sqlalchemy import Table

from services.rules.accounts import Loaded
from services.rules.bulk import Columns, Row
from services.rules.core.effects import Effects
from services.rules.core.identity import Meaning, key_of
from services.rules.core.state import encode_document
from services.rules.heard import Heard, Poison
from services.rules.peer_store import Part, row_of
from shared.db import tables
from shared.instants import Instant
from shared.records import Event, Mapping, RunOpened, encode
from shared.topics import EVENTS, RUNS

EVENT: Columns = (
    *("month", "fingerprint", "account_id", "source", "id", "name", "user_id", "occurred_at", "received_at", "position"),
    *("properties", "traits", "user_traits", "imported"),
)
OUTBOX: Columns = ("owner", "topic", "key", "value", "at")
_ACCOUNT: Columns = ("account_id", "partition", "traits", "first_seen_at", "plays_offset")
_USER: Columns = ("account_id", "user_id", "traits")
_SUBJECT: Columns = ("account_id", "kind", "value", "partition", "document", "next_deadline")
_RUN: Columns = (
    *("run_id", "play", "version", "account_id", "subject", "user_id", "opened_at", "resolved_at", "resolution", "arm"),
    "evidence",
)
_DECISION: Columns = ("decision_id", "play", "version", "account_id", "subject", "at", "reason", "detail")
_ALIAS: Columns = ("alias", "partition", "account_id", "same_as", "since")
_TRAIL: Columns = ("alias", "via", "onward", "partition")
_UNASSIGNED: Columns = ("about", "source", "id", "partition", "received_at", "name", "record")
_HEARD: Columns = ("name", "partition", "at")
_PEER_TOTAL: Columns = ("peers", "partition", "day", "closed", "document")
_DEAD_LETTER: Columns = ("dead_letter_id", "kind", "origin", "reason", "value", "created_at")


class Rows:
    """Collected while a batch is decided. In a log opened for `replay` what goes to the outbox carries its time."""

    def __init__(self, replay: bool) -> None:
        self._replay = replay
        self.events: list[Row] = []
        self.outbox: list[Row] = []
        self.accounts: list[Row] = []
        self.users: list[Row] = []
        self.subjects: list[Row] = []
        self.forgotten_subjects: list[Row] = []
        self.runs: list[Row] = []
        self.resolved: list[Row] = []
        self.goals: list[Row] = []
        # By partition and play: see `services.rules.activation`.
        self.already: Counter[tuple[int, str]] = Counter()
        self.decisions: list[Row] = []
        self.aliases: dict[str, Row] = {}
        # By (alias, via, onward): the whole row, or None where it ends.
        self.trails: dict[tuple[str, str, str], Row | None] = {}
        self.unassigned: list[Row] = []
        self.released: list[Row] = []
        self.dead_letters: list[Row] = []
        self.heard: list[Row] = []
        self.peers: list[Row] = []
        # The owners (`rules:3`) for whom something was put into the outbox.
        self.owners: set[str] = set()

    def upserts(self) -> Iterator[tuple[Table, Columns, list[Row], bool]]:
        """What may be there already: is it then kept as it is?"""
        yield tables.account, _ACCOUNT, self.accounts, False
        yield tables.account_user, _USER, self.users, False
        yield tables.subject, _SUBJECT, self.subjects, False
        yield tables.heard, _HEARD, self.heard, False
        yield tables.peer_total, _PEER_TOTAL, self.peers, False
        yield tables.alias, _ALIAS, list(self.aliases.values()), False
        yield tables.run, _RUN, self.runs, True
        yield tables.decision, _DECISION, self.decisions, True
        yield tables.trail, _TRAIL, [row for row in self.trails.values() if row is not None], True
        yield tables.unassigned, _UNASSIGNED, self.unassigned, True
        yield tables.dead_letter, _DEAD_LETTER, self.dead_letters, True

    def add_events(self, taken: Iterable[Heard]) -> None:
        """Keep events in the history."""
        self.events += [
            (
                heard.month,
                heard.fingerprint,
                (event := heard.event).account_id,
                event.source,
                event.id,
                event.name,
                event.user_id,
                event.occurred_at,
                event.received_at,
                heard.offset,
                heard.properties,
                None if event.traits is None else _json(event.traits),
                None if event.user_traits is None else _json(event.user_traits),
                event.imported,
            )
            for heard in taken
        ]

    def add_account(self, loaded: Loaded, partition: int) -> int | None:
        """Keep what was changed in an account. The answer is the earliest deadline among it."""
        account = loaded.account
        account_id = account.account_id
        if loaded.new or account.traits_changed or loaded.brought:
            self.accounts.append((account_id, partition, _json(account.traits), account.first_seen_at, loaded.plays_offset))
        for user_id in account.users_changed:
            self.users.append((account_id, user_id, _json(account.users[user_id])))
        earliest: Instant | None = None
        for key in account.changed:
            document = account.subjects.get(key)
            if document is None:
                self.forgotten_subjects.append((account_id, key.kind, key.value))
                continue
            deadline = document.next_deadline
            self.subjects.append((account_id, key.kind, key.value, partition, encode_document(document).decode(), deadline))
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        return earliest

    def add_effects(self, effects: Effects, owner: str) -> None:
        """Keep the runs and decisions, and have the runs published."""
        for run in effects.opened:
            self.runs.append(_run_row(run))
            self._publish(owner, RUNS, run.account_id, encode(run), run.opened_at)
        for end in effects.resolved:
            self.resolved.append((end.run_id, end.resolved_at, end.reason))
            self._publish(owner, RUNS, end.account_id, encode(end), end.resolved_at)
        for goal in effects.goals:
            self.goals.append((goal.run_id, goal.at, goal.outcome))
            self._publish(owner, RUNS, goal.account_id, encode(goal), goal.at)
        for made in effects.decisions:
            detail = _json(made.detail)
            self.decisions.append(
                (made.decision_id, made.play, made.version, made.account_id, made.subject, made.at, made.reason, detail)
            )

    def log_again(self, owner: str, event: Event) -> None:
        """Have an event appended under its own key: with its account, or about another alias."""
        self._publish(owner, EVENTS, key_of(event), encode(event), event.received_at)

    def log_mapping(self, owner: str, mapping: Mapping, key: str, at: Instant) -> None:
        """Have a mapping appended under a key."""
        self._publish(owner, EVENTS, key, encode(mapping), at)

    def add_alias(self, alias: str, meaning: Meaning, partition: int, since: Instant) -> None:
        """Keep what an alias means; of several the last counts."""
        self.aliases[alias] = (alias, partition, meaning.account_id, meaning.same_as, since)

    def add_trail(self, alias: str, via: str, onward: str, partition: int) -> None:
        """Keep that events which came by `via` went on from `alias` to `onward`."""
        self.trails[alias, via, onward] = (alias, via, onward, partition)

    def end_trail(self, alias: str, via: str, onward: str) -> None:
        """Forget that."""
        self.trails[alias, via, onward] = None

    def add_unassigned(self, about: str, event: Event, partition: int, received_at: Instant) -> None:
        """Keep an event whose account is not known."""
        self.unassigned.append((about, event.source, event.id, partition, received_at, event.name, encode(event)))

    def add_peers(self, parts: Iterable[Part]) -> None:
        """Keep what is known of days of peers."""
        self.peers += [row_of(part) for part in parts]

    def add_dead_letter(self, poison: Poison) -> None:
        """Keep what could not be taken."""
        reason = poison.reason.replace("\0", "\\0")
        self.dead_letters.append((poison.origin, "record", poison.origin, reason, poison.value, poison.at))

    def _publish(self, owner: str, topic: str, key: str, value: bytes, at: Instant) -> None:
        self.owners.add(owner)
        self.outbox.append((owner, topic, key, value, at if self._replay else None))


def _run_row(run: RunOpened) -> Row:
    return (
        run.run_id,
        run.play,
        run.version,
        run.account_id,
        run.subject,
        run.user_id,
        run.opened_at,
        None,
        None,
        run.arm,
        _json(run.evidence),
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

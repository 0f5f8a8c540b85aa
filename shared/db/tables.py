"""Every table, named by the glossary. One schema for PostgreSQL and SQLite; `migrations/` makes it.

Instants are BIGINT microseconds (`shared.instants`). JSON that only we read is TEXT, written and read by msgspec on the hot path;
JSON that people query is JSON (JSONB on PostgreSQL).
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from shared.db import notification_table  # noqa: F401 - one schema, in two files
from shared.db.columns import Json, RowId, metadata

# ------------------------------------------------------------------ the log's progress

# How far a partition of a topic has been processed, and by which life of a worker (`epoch` fences stale ones).
partition = Table(
    "partition",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    # The time of the last record that was processed; 0 before the first.
    Column("at", BigInteger, nullable=False),
    # rules: the plays active here, their versions and whether they are paused, as of `next_offset`. JSON text.
    Column("plays", Text, nullable=False, server_default="{}"),
)

# Records to be appended to the log after the commit that decided them. `owner`: `rules:3` (a partition), or `console`.
outbox = Table(
    "outbox",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("owner", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("partition", Integer),
    Column("value", LargeBinary, nullable=False),
    # The record's time, in a log opened for replay; absent in a live one.
    Column("at", BigInteger),
    Index(None, "owner", "id"),
)

# When an event of a name last came, by partition: only names that a play's `guard.fresh` asks for.
heard = Table(
    "heard",
    metadata,
    Column("name", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

# The totals of a play's peers by day, each partition's part (services/rules/core/peers/totals.py). `peers` is their key;
# `document` their number and what they did, by their value of the trait; null where the partition began to count after that day.
peer_total = Table(
    "peer_total",
    metadata,
    Column("peers", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("day", Integer, primary_key=True),
    # What a day's end has made final; before it, what was added so far.
    Column("closed", Boolean, nullable=False),
    Column("document", Text),
)

# ------------------------------------------------------------------ accounts and identity

account = Table(
    "account",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("traits", Text, nullable=False),
    # `received_at` of its first event.
    Column("first_seen_at", BigInteger, nullable=False),
    # The offset of the Applied record up to whose plays its subjects were brought; -1 before the first.
    Column("plays_offset", BigInteger, nullable=False, server_default="-1"),
)

account_user = Table(
    "account_user",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("traits", Text, nullable=False),
)

# Accounts for which nothing goes out until an instant.
mute = Table(
    "mute",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("until", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("muted_by", Text, nullable=False),
    Column("muted_at", BigInteger, nullable=False),
)

# The engine's document of one subject: the account itself (`kind` account, `value` empty), a user of it (user) or a value
# (by:properties.ticket_id).
subject = Table(
    "subject",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("next_deadline", BigInteger),
    Index(None, "partition", "next_deadline"),
)

# What an alias means: an account, or the same as another alias.
alias = Table(
    "alias",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("account_id", Text),
    Column("same_as", Text),
    Column("since", BigInteger, nullable=False),
)

# Where events without an account went on to: from `alias` to `onward`, having come by `via` (which may be `alias`). What is
# learnt of `via` is told to `onward`.
trail = Table(
    "trail",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("via", Text, primary_key=True),
    Column("onward", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
)

# Events whose account is not known yet, kept under whom they are about.
unassigned = Table(
    "unassigned",
    metadata,
    Column("about", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("record", LargeBinary, nullable=False),
)

# History. Its one index is both the duplicate check and the way to an account's events (`shared.db.history`): an event comes to
# lie beside those of its account in its month, so that a batch changes few pages, however long the history. A fingerprint is
# blake2b-128 of (account_id, source, id).
event = Table(
    "event",
    metadata,
    Column("month", Integer, primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("fingerprint", LargeBinary(16), primary_key=True),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("user_id", Text),
    Column("occurred_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    # Its place in the log: the offset in its partition. (received_at, position) is the order of an account's history.
    Column("position", BigInteger, nullable=False),
    Column("properties", Text, nullable=False),
    Column("traits", Text),
    Column("user_traits", Text),
    Column("imported", Boolean, nullable=False),
)

# ------------------------------------------------------------------ plays and runs

# The workspace as applied: destinations, sources, people, teams, segments, catalogue. The newest version counts.
workspace = Table(
    "workspace",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("document", Json, nullable=False),
    Column("applied_at", BigInteger, nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("commit", Text),
)

play = Table(
    "play",
    metadata,
    Column("play", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    # The mode and rollout that were promoted beside the file, and what the file said of them then. JSON text.
    Column("promoted", Text),
)

play_version = Table(
    "play_version",
    metadata,
    Column("play", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    # The whole play as JSON, segments and defaults written in: what the engine evaluates.
    Column("document", Text, nullable=False),
    # The file as it was written.
    Column("source", Text, nullable=False),
    Column("applied_at", BigInteger, nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("commit", Text),
)

# For how many subjects of a partition a version of a play was true already when it was applied there.
activation = Table(
    "activation",
    metadata,
    Column("play", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("already", BigInteger, nullable=False),
    # Every account of the partition has been brought to the version: the number is final.
    Column("complete", Boolean, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("play", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("user_id", Text),
    Column("opened_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    Column("resolution", Text),
    # What became of its goal, and when: `reached` or `missed`; empty while it is watched, and where there is none to watch.
    Column("goal", Text),
    Column("goal_at", BigInteger),
    Column("arm", Text, nullable=False),
    Column("evidence", Json, nullable=False),
    Index(None, "account_id", "opened_at"),
    Index(None, "play", "opened_at"),
    Index(None, "opened_at"),
)

decision = Table(
    "decision",
    metadata,
    Column("decision_id", Text, primary_key=True),
    Column("play", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Json, nullable=False),
    Index(None, "account_id", "at"),
    Index(None, "play", "at"),
)

# ------------------------------------------------------------------ deliveries

# One step of one run on its way to one destination. It exists once: (run_id, step) is unique.
delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    # The step's path in the play's `do`: `0`, `2`, `2.then.0`.
    Column("step", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("destination", Text),
    Column("play", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    # waiting | leased | held | delivered | stopped | dead. Of one that is held, `due_at` says when it is looked at again.
    Column("state", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("leased_until", BigInteger),
    Column("leased_by", Text),
    Column("external_id", Text),
    Column("reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    UniqueConstraint("run_id", "step"),
    Index(None, "state", "due_at"),
    Index(None, "account_id"),
)

# What a run's steps need, from the record that opened it.
run_context = Table(
    "run_context",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("record", LargeBinary, nullable=False),
    Column("resolved_at", BigInteger),
    Column("resolution", Text),
    Column("play", Text),
    Column("opened_at", BigInteger),
    # Why the play's guard held the run's deliveries when it opened; absent for those that went their way.
    Column("guarded", Text),
    Index(None, "play", "opened_at"),
)

# One try of a delivery: what was asked and what came back, secrets masked, bodies cut.
attempt = Table(
    "attempt",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("reason", Text),
    Column("response", Text),
)

# A delivery of kind task, with the life that it has in the tool.
task = Table(
    "task",
    metadata,
    Column("task_id", Text, primary_key=True),  # the delivery's id
    Column("run_id", Text, nullable=False),
    Column("play", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("external_id", Text),
    Column("state", Text, nullable=False),  # open | done | cancelled
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("assignee", Text),
    # Why it is theirs: `account.owner`, or `fallback: account.owner is missing`.
    Column("assigned_because", Text),
    Column("priority", Text, nullable=False),
    Column("due_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("closed_because", Text),
    Index(None, "state", "created_at"),
    Index(None, "account_id"),
    Index(None, "run_id"),
    Index(None, "closed_at"),
)

destination_state = Table(
    "destination_state",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("state", Text, nullable=False),  # active | paused | disabled
    Column("reason", Text),
    Column("since", BigInteger, nullable=False),
)

# A record, a delivery or a notification that was given up, with its reason, kept until it is redriven or discarded.
dead_letter = Table(
    "dead_letter",
    metadata,
    Column("dead_letter_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # record | delivery | notification
    Column("origin", Text, nullable=False),  # `events/3/1042`, or the delivery's id
    Column("reason", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("redriven_at", BigInteger),
    Column("discarded_at", BigInteger),
    Index(None, "created_at"),
)

# ------------------------------------------------------------------ keys

# Only a keyed hash of an API key is stored; `prefix` is what people see.
api_key = Table(
    "api_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("prefix", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("source", Text, nullable=False),
    Column("events", Json),
    # Names of traits that it may tell; null: all.
    Column("traits", Json),
    # Origins of the web pages that may use it (`https://app.acme.example`); null: it is no browser's key.
    Column("origins", Json),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    UniqueConstraint("hash"),
)

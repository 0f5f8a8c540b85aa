"""The floor: the four plays of `benchmarks/plays/` written by hand for one log, in plain Python, with nothing general in it.

It knows the plays, their numbers and that nothing else is ever asked. It keeps the semantics (late events, kept baselines,
cooldowns, strict comparisons with time), so that its runs are exactly the engine's.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterable

import msgspec

from shared.instants import DAY, Instant

WEEK = 7 * DAY
COOLDOWN = 30 * DAY
SILENT = 14 * DAY
MAX_AGE = 7 * DAY
NEVER = 1 << 62
TOLERANCE = 1e-9


class Properties(msgspec.Struct, gc=False):
    """What the plays look at."""

    priority: str | None = None
    score: int | None = None


class Traits(msgspec.Struct, gc=False):
    """What the plays look at."""

    plan: str | None = None


class Line(msgspec.Struct, gc=False):
    """One line of the log, as far as the plays need it."""

    name: str
    account_id: str
    occurred_at: Instant
    properties: Properties
    received_at: Instant = 0
    traits: Traits | None = None


class Runs(msgspec.Struct):
    """What was decided: each run by (play, account, instant) when it opened, and with the instant when it was resolved."""

    opened: list[tuple[str, str, Instant]] = []
    resolved: list[tuple[str, str, Instant, Instant]] = []

    def sorted(self) -> "Runs":
        """The same, in an order that does not depend on how accounts took turns."""
        self.opened.sort()
        self.resolved.sort()
        return self

    def counts(self) -> dict[str, int]:
        """How many runs each play opened."""
        return dict(Counter(play for play, *_ in self.opened))


class Floor:
    """All accounts and what was decided."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.runs = Runs()

    def take(self, lines: Iterable[Line]) -> None:
        """Take lines in the order of the log."""
        accounts = self.accounts
        for line in lines:
            account = accounts.get(line.account_id)
            now = line.received_at
            if account is None:
                account = accounts[line.account_id] = Account(line.account_id, now)
            if account.deadline < now:
                account.pass_time(now, self.runs)
            if line.traits is not None:
                account.plan = line.traits.plan
            name = line.name
            if name == "user.login":
                account.login(line.occurred_at, now, self.runs)
            elif name == "report.exported":
                account.export(line.occurred_at)
            elif name == "ticket.created":
                if line.properties.priority == "urgent":
                    account.urgent_ticket(line.occurred_at, now, self.runs)
            elif name == "nps.answered":
                account.nps(line, self.runs)

    def end(self, at: Instant) -> Runs:
        """Take the deadlines up to and at `at`, the end of the log."""
        for account in self.accounts.values():
            account.pass_time(at + 1, self.runs)
        return self.runs


class Level:
    """One level's play for one account: on when it is true, open when it has a run."""

    __slots__ = ("account_id", "last_opened", "on", "open", "play", "spent")

    def __init__(self, play: str, account_id: str) -> None:
        self.play = play
        self.account_id = account_id
        self.on = False
        self.open = False
        self.spent = False
        self.last_opened = -NEVER

    def rise(self, at: Instant, runs: Runs, after: int = 0) -> Instant:
        """It is true at `at` (`after` 1: just after it, as time's own effects are): open a run, or say when the cooldown ends."""
        self.on = True
        if self.spent:
            return NEVER
        if at + after - self.last_opened <= COOLDOWN:
            return self.last_opened + COOLDOWN
        self.open = self.spent = True
        self.last_opened = at
        runs.opened.append((self.play, self.account_id, at))
        return NEVER

    def fall(self, at: Instant, runs: Runs) -> None:
        """It is false at `at`."""
        if self.open:
            runs.resolved.append((self.play, self.account_id, self.last_opened, at))
        self.on = self.open = self.spent = False


class Account:
    """One account: what the four plays remember, and the first instant at which one of them may change its mind."""

    __slots__ = (
        "account_id",
        "boundary",
        "deadline",
        "drop",
        "drop_cools",
        "exported",
        "exports",
        "kept",
        "newest_login",
        "plan",
        "silence",
        "silence_at",
        "tickets",
        "tickets_at",
        "urgent",
    )  # fmt: skip

    def __init__(self, account_id: str, start: Instant) -> None:
        self.account_id = account_id
        self.plan: str | None = None
        self.drop = Level("usage-drop", account_id)
        self.exports: dict[int, int] = {}
        self.exported = 0
        self.kept = 0.0
        self.drop_cools = NEVER
        # The first midnight with five whole weeks behind it.
        self.boundary = -(-(start + 5 * WEEK) // DAY) * DAY
        self.urgent = Level("urgent-tickets", account_id)
        self.tickets: list[Instant] = []
        self.tickets_at = NEVER
        self.silence = Level("gone-quiet", account_id)
        self.newest_login = 0
        self.silence_at = start + SILENT
        self.deadline = min(self.boundary, self.silence_at)

    def pass_time(self, until: Instant, runs: Runs) -> None:
        """Take every deadline earlier than `until`. The plays do not look at each other: their order is free."""
        while self.boundary < until:
            if self.drop_cools < self.boundary:
                self.drop_cools = self.drop.rise(self.drop_cools, runs, after=1)
            self._judge_drop(self.boundary, runs)
            self.boundary += DAY
        if self.drop_cools < until:
            self.drop_cools = self.drop.rise(self.drop_cools, runs, after=1)
        while self.tickets_at < until:
            self._judge_tickets(self.tickets_at, runs, after=1)
        while self.silence_at < until:
            self.silence_at = self.silence.rise(self.silence_at, runs, after=1)
        self.deadline = min(self.boundary, self.drop_cools, self.tickets_at, self.silence_at)

    # ------------------------------------------------------------------ drop

    def export(self, occurred_at: Instant) -> None:
        """A report was exported."""
        day = occurred_at // DAY
        self.exports[day] = self.exports.get(day, 0) + 1
        self.exported += 1

    def _judge_drop(self, at: Instant, runs: Runs) -> None:
        if self.exported < 80 and not self.drop.on:
            return
        day = at // DAY
        get = self.exports.get
        current = sum([get(day - back, 0) for back in range(1, 8)])
        baseline = self.kept if self.drop.on else sum([get(day - back, 0) for back in range(8, 36)]) / 4
        if baseline >= 20 and (baseline - current) / baseline >= 0.4 * (1 - TOLERANCE):
            if not self.drop.on:
                self.kept = baseline
            self.drop_cools = self.drop.rise(at, runs, after=1)
        else:
            self.drop.fall(at, runs)
            self.drop_cools = NEVER

    # ------------------------------------------------------------------ urgent tickets

    def urgent_ticket(self, occurred_at: Instant, now: Instant, runs: Runs) -> None:
        """An urgent ticket was created."""
        insort(self.tickets, occurred_at)
        del self.tickets[:-3]
        self._judge_tickets(now, runs)
        self.deadline = min(self.deadline, self.tickets_at)

    def _judge_tickets(self, at: Instant, runs: Runs, after: int = 0) -> None:
        tickets = self.tickets
        if len(tickets) == 3 and at + after - tickets[0] <= WEEK:
            self.tickets_at = min(self.urgent.rise(at, runs, after), tickets[0] + WEEK)
        else:
            self.urgent.fall(at, runs)
            self.tickets_at = NEVER

    # ------------------------------------------------------------------ NPS and silence

    def nps(self, line: Line, runs: Runs) -> None:
        """A survey was answered."""
        score = line.properties.score
        fresh = line.received_at - line.occurred_at <= MAX_AGE
        if fresh and score is not None and score <= 6 and self.plan in ("pro", "enterprise"):
            runs.opened.append(("nps-detractor", self.account_id, line.received_at))

    def login(self, occurred_at: Instant, now: Instant, runs: Runs) -> None:
        """Somebody logged in."""
        if occurred_at <= self.newest_login:
            return
        self.newest_login = occurred_at
        if now - occurred_at <= SILENT:
            self.silence.fall(now, runs)
            self.silence_at = occurred_at + SILENT
            self.deadline = min(self.deadline, self.silence_at)

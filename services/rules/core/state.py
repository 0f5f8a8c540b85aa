"""What the engine remembers of an account and of each subject in it. It can be written as JSON and read back unchanged."""

from typing import Any, NamedTuple

import msgspec

from shared.instants import DAY, Instant
from shared.records import JsonObject

FORGOTTEN_AFTER = 400 * DAY


class SubjectKey(NamedTuple):
    """A subject within its account. `kind` is `account`, `user`, or `by:properties.ticket_id`; `value` names it there.

    The account itself needs no name there: its value is empty, and its key is one and the same for all accounts (`ITSELF`), which
    spares the hot path a look at memory that is not in the processor's cache.
    """

    kind: str
    value: str


ITSELF = SubjectKey("account", "")


class Watch(msgspec.Struct, array_like=True, gc=False):
    """One run whose goal is watched. `own`: the memory of the goal's leaves, where one remembers."""

    run_id: str
    opened_at: Instant
    own: list[Any] | None = None


class Watching(msgspec.Struct, omit_defaults=True, gc=False, rename={"goal": "g", "runs": "r"}):
    """The watched runs of one play for one subject, and the identity of the goal's condition."""

    goal: str
    runs: list[Watch] = []


class PlayState(
    msgspec.Struct,
    omit_defaults=True,
    gc=False,
    rename={
        "identity": "i",
        "first_at": "f",
        "known": "k",
        "since": "s",
        "spent": "x",
        "noted": "n",
        "open_runs": "o",
        "last_opened": "l",
        "own": "m",
        "deadline": "d",
        "watching": "g",
    },
):
    """Where one play stands for one subject. Instants are log time. Short names in JSON: documents are written often.

    What quiet events look at comes first, so that it lies together.
    """

    # A first verdict is due then; None once it was taken.
    first_at: Instant | None = None
    # The last verdict of (audience and condition) that was not unknown.
    known: bool = False
    # The first later instant at which this play may change its mind by itself.
    deadline: Instant | None = None
    # Own memory of each leaf (of `when`, then of `resolve_when`) by its place; shorter or None where there is none.
    own: list[Any] | None = None
    # The version of (per, audience, condition, hold): another one begins anew.
    identity: str = ""
    # The rise of `known`: when, and by which event (source, id) or None for a deadline.
    since: Instant | None = None
    # This rise has had its run or its final decision; only a new rise may open another.
    spent: bool = False
    # The reason already recorded for this rise (cooldown), so that it is recorded once.
    noted: str | None = None
    # Open runs: run id. A level has at most one.
    open_runs: tuple[str, ...] = ()
    last_opened: Instant | None = None
    # The runs whose goal is neither reached nor missed yet; None where there is none, or no goal.
    watching: Watching | None = None

    def waits_for_start(self, now: Instant) -> bool:
        """Whether the first verdict is still to come after `now`."""
        return self.first_at is not None and now < self.first_at


class Document(msgspec.Struct, omit_defaults=True, gc=False):
    """One subject's document: `metrics` by the key of the metric (plays share them), `plays` by name.

    Nothing in it can lead back to it, so that the garbage collector need not look (`gc=False`): there are very many.
    """

    start: Instant
    # Of a user or a value: the last event with it. It is forgotten `FORGOTTEN_AFTER` that, when nothing is open.
    last: Instant | None = None
    metrics: dict[str, Any] = {}
    plays: dict[str, PlayState] = {}
    next_deadline: Instant | None = None

    def settle(self) -> Instant | None:
        """Set `next_deadline` to the earliest deadline of the plays, and return it."""
        earliest: Instant | None = None
        for state in self.plays.values():
            deadline = state.deadline
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        if self.last is not None:
            forgotten_at = self.forgotten_at
            if forgotten_at is not None and (earliest is None or forgotten_at < earliest):
                earliest = forgotten_at
        self.next_deadline = earliest
        return earliest

    def settle_for(self, state: PlayState) -> None:
        """The same after a look at one play. An account's may be left too early, never too late: so its cost does not depend on
        how many plays there are.
        """
        if self.last is not None:
            self.settle()
        elif state.deadline is not None and (self.next_deadline is None or state.deadline < self.next_deadline):
            self.next_deadline = state.deadline

    @property
    def forgotten_at(self) -> Instant | None:
        """The deadline at which a user or a value that was not heard of for long is forgotten; None for an account."""
        if self.last is None or any(state.open_runs or state.watching for state in self.plays.values()):
            return None
        return self.last + FORGOTTEN_AFTER


class Account:
    """One account in memory, as far as it is loaded: its traits, its users' traits, the documents of its subjects.

    `changed` holds the subjects whose documents differ from what is stored; `traits_changed`, `users_changed` likewise.

    `itself` and `stirred` are for quiet events alone, which so touch neither the mapping nor the set: less memory that is not in
    the processor's cache. Whoever asks for `subjects` or `changed` may change them, so that each is put right then.
    """

    __slots__ = (
        "_changed",
        "_subjects",
        "account_id",
        "begun",
        "first_seen_at",
        "itself",
        "stirred",
        "traits",
        "traits_changed",
        "users",
        "users_changed",
    )

    def __init__(self, account_id: str, first_seen_at: Instant, traits: JsonObject) -> None:
        self.account_id = account_id
        self.first_seen_at = first_seen_at
        # `account.id` is always there beside the traits.
        self.traits: JsonObject = {**traits, "id": account_id}
        # Whether its own subject is known to be there; once it is, it stays.
        self.begun = False
        self.users: dict[str, JsonObject] = {}
        self._subjects: dict[SubjectKey, Document] = {}
        # The account's own document, where it was looked up since `subjects` was last asked for.
        self.itself: Document | None = None
        self._changed: set[SubjectKey] = set()
        # Whether the account's own document changed since `changed` was last asked for.
        self.stirred = False
        self.traits_changed = False
        self.users_changed: set[str] = set()

    @property
    def subjects(self) -> dict[SubjectKey, Document]:
        """The documents that are loaded."""
        self.itself = None
        return self._subjects

    @subjects.setter
    def subjects(self, documents: dict[SubjectKey, Document]) -> None:
        self._subjects, self.itself = documents, None

    @property
    def changed(self) -> set[SubjectKey]:
        """The subjects to be stored."""
        if self.stirred:
            self._changed.add(ITSELF)
            self.stirred = False
        return self._changed

    @changed.setter
    def changed(self, keys: set[SubjectKey]) -> None:
        self._changed, self.stirred = keys, False

    def look_itself_up(self) -> Document | None:
        """Set `itself`, and return it."""
        self.itself = self._subjects.get(ITSELF)
        return self.itself

    def set_traits(self, given: JsonObject) -> None:
        """Set traits of the account; null takes one away."""
        _set(self.traits, given)
        self.traits_changed = True

    def set_user_traits(self, user_id: str, given: JsonObject) -> None:
        """Set traits of one of its users; null takes one away."""
        _set(self.users.setdefault(user_id, {}), given)
        self.users_changed.add(user_id)


def _set(traits: JsonObject, given: JsonObject) -> None:
    for name, value in given.items():
        if name == "id":
            continue  # the account's (or user's) own
        if value is None:
            traits.pop(name, None)
        else:
            traits[name] = value


decode_document = msgspec.json.Decoder(Document).decode
encode_document = msgspec.json.Encoder().encode

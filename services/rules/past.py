"""One account's history lived again up to an instant, under the versions of one play, each from when it was applied."""

from collections.abc import Sequence

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account, PlayState, SubjectKey, decode_document, encode_document
from shared.instants import Instant
from shared.records import Event


class Past:
    """An account as it was at an instant, and what was decided on the way there."""

    def __init__(self, account_id: str, engine: Engine) -> None:
        self.engine = engine
        self.account = Account(account_id, 0, {})
        self.effects = Effects()
        self.lived: list[Event] = []
        # The last event at the instant itself that concerned a subject, and the state of its play before it (None: not born).
        self.taken: dict[SubjectKey, tuple[Event, PlayState | None]] = {}


def relive(account_id: str, engines: Sequence[tuple[Instant, Engine]], history: Sequence[Event], until: Instant) -> Past:
    """Take the account's events and deadlines up to `until`, that instant included. `engines`: each from when it was applied."""
    coming = list(engines)
    past = Past(account_id, coming[0][1])
    for event in history:
        if event.received_at > until:
            break
        while coming and coming[0][0] <= event.received_at:
            _apply(past, *coming.pop(0))
        _take(past, event, until, applied=len(coming) < len(engines))
    for at, engine in coming:
        _apply(past, at, engine)
    if past.lived:
        past.engine.pass_time(past.account, until + 1, past.effects)
    return past


def _apply(past: Past, at: Instant, engine: Engine) -> None:
    if past.lived:
        if past.account.subjects:
            past.engine.pass_time(past.account, at, past.effects)
        engine.warm(past.account, past.lived, at, past.effects)
    past.engine = engine


def _take(past: Past, event: Event, until: Instant, *, applied: bool) -> None:
    account = past.account
    if not past.lived:
        account.first_seen_at = event.received_at
    past.lived.append(event)
    if not applied:
        # Before the play there is only history, and the traits that it told of.
        _remember(account, event)
        return
    if event.received_at < until:
        past.engine.take(account, event, past.effects)
        return
    past.engine.pass_time(account, event.received_at, past.effects)
    name = past.engine.plays[0].name
    for key in past.engine.touches(event).keys:
        document = account.subjects.get(key)
        state = None if document is None else decode_document(encode_document(document)).plays.get(name)
        past.taken[key] = (event, state)
    past.engine.take(account, event, past.effects)


def _remember(account: Account, event: Event) -> None:
    if event.traits:
        account.set_traits(event.traits)
    if event.user_traits and event.user_id is not None:
        account.set_user_traits(event.user_id, event.user_traits)

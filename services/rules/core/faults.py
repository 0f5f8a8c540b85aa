"""A fault of our own: what one play does for one subject raised an exception, which no play and no event should be able to do.

It becomes a decision `error` that names the exception and where it was raised, not what it was about (that may be people's data).
The play's state stays as it was; other plays, subjects and accounts go on. A play that fails at each event of a subject makes one
decision a day (UTC) for it and the same fault, so that a fault does not fill the database.
"""

from collections.abc import Iterable

from services.rules.core.compiled import CompiledPlay
from services.rules.core.condition import View
from services.rules.core.effects import Decision, Effects
from services.rules.core.ids import decision_id
from services.rules.core.state import Document, PlayState
from shared.instants import DAY, Instant

ERROR = "error"


# How things stood before a judgement: the state, and how many runs, ends and decisions there were. A plain tuple, made for each.
Before = tuple[PlayState, int, int, int]


def put_back(before: Before | None, state: PlayState, at: Instant, effects: Effects) -> None:
    """Undo what a judgement did before it failed. The deadline that brought it about is gone: it would only fail again."""
    if before is not None:
        was, opened, resolved, decided = before
        for field in state.__struct_fields__:
            setattr(state, field, getattr(was, field))
        del effects.opened[opened:], effects.resolved[resolved:], effects.decisions[decided:]
    if state.deadline is not None and state.deadline <= at:
        state.deadline = None


class Unheard(Exception):
    """The short way of hearing an event failed. The first `heard` metrics of the route have heard it, the next one has not."""

    def __init__(self, heard: int) -> None:
        self.heard = heard
        super().__init__(heard)


def could_not_hear(
    metric: str,
    plays: Iterable[CompiledPlay],
    document: Document,
    view: View,
    at: Instant,
    error: Exception,
    effects: Effects,
    failed: list[CompiledPlay],
) -> None:
    """A metric, by its key, failed to hear an event: the plays that ask it say so once, and are not judged at this event."""
    for play in plays:
        if metric in play.metric_keys and play not in failed:
            failed.append(play)
            effects.decisions.append(fault(play, view, at, error))
            put_back(None, document.plays[play.name], at, effects)


def fault(play: CompiledPlay, view: View, at: Instant, error: Exception) -> Decision:
    """The decision that says so."""
    account_id, key = view.account.account_id, view.key
    what, place = type(error).__name__, place_of(error)
    cause = f"{at // DAY}\x1f{what}\x1f{place}"
    return Decision(
        decision_id=decision_id(play.name, account_id, key.kind, view.subject, cause, ERROR),
        play=play.name,
        version=play.version,
        account_id=account_id,
        subject=view.subject,
        at=at,
        reason=ERROR,
        detail={"error": what, "place": place},
    )


def place_of(error: Exception) -> str:
    """Where it was raised, the innermost line: `conditions/silence.py:63 verdict`."""
    found = error.__traceback__
    while found is not None and found.tb_next is not None:
        found = found.tb_next
    if found is None:
        return ""
    code = found.tb_frame.f_code
    return f"{'/'.join(code.co_filename.rsplit('/', 2)[1:])}:{found.tb_lineno} {code.co_name}"

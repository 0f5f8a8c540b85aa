"""Every instant at which something could change by itself: more than needed does no harm, one too few would."""

from collections.abc import Iterator
from typing import Any

from shared.instants import Instant, Microseconds, parse_duration
from shared.records import Event, JsonObject
from tests.oracle.days import Buckets, buckets_for, read_moment
from tests.oracle.drops import KEPT_FOR
from tests.oracle.recurring import times_between
from tests.oracle.told import Case


def candidates(case: Case, log: tuple[Event, ...], until: Instant) -> set[Instant]:
    """Instants of events, of traits and of listening, with each duration of the play before and after them; bucket boundaries."""
    first = min(one for one in (case.begins_at, *(event.received_at for event in log[:1])) if one is not None)
    fixed = {moment for moment in _moments(case, log) if moment is not None}
    durations = {0, KEPT_FOR, *_durations(case.play)}
    found = {moment + sign * duration for moment in fixed for duration in durations for sign in (1, -1)}
    for form in _every(case.play):
        found |= set(times_between(form, fixed, first, until, case.zone))
    for buckets in {buckets_for(over, case.zone) for over in _overs(case.play)}:
        found |= set(_boundaries(buckets, first, until))
    return {instant for instant in found if first <= instant <= until}


def _moments(case: Case, log: tuple[Event, ...]) -> Iterator[Instant | None]:
    yield case.listening_since
    yield from case.listening.values()
    yield case.begins_at
    yield from (read_moment(value, case.zone) for value in case.row.values())
    for event in log:
        yield event.occurred_at
        yield event.received_at
        for told in (event.traits or {}, event.user_traits or {}, event.properties):
            yield from (read_moment(value, case.zone) for value in told.values())


def _durations(form: Any) -> Iterator[Microseconds]:
    for _, text in entries(form):
        for word in text.split() if isinstance(text, str) else ():
            if word[:-1].isdigit() and word[-1] in "smhdw":
                yield parse_duration(word)


def _every(form: Any) -> Iterator[JsonObject]:
    for key, content in entries(form):
        if key == "every":
            yield content


def _overs(form: Any) -> Iterator[str]:
    """The windows made of buckets; a few more do no harm."""
    for key, content in entries(form):
        if key == "over":
            yield content


def _boundaries(buckets: Buckets, first: Instant, until: Instant) -> Iterator[Instant]:
    boundary = buckets.begin(first)
    while boundary <= until:
        yield boundary
        boundary = buckets.after(boundary)


def entries(form: Any) -> Iterator[tuple[str, Any]]:
    """Every key of a document with what stands under it, however deep."""
    if isinstance(form, dict):
        for key, content in form.items():
            yield key, content
            yield from entries(content)
    elif isinstance(form, list):
        for one in form:
            yield from entries(one)

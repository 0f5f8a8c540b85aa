"""The verdict of every condition at a moment, by the definitions, from the whole log. What is remembered stands in `drops.py`."""

from typing import Any, NamedTuple

from shared.instants import Instant, parse_duration
from shared.records import JsonObject
from tests.oracle.days import Buckets, buckets_for, read_moment
from tests.oracle.drops import Drops
from tests.oracle.matching import Truth, at_least, at_most, both, either, matches, number_of, opposite
from tests.oracle.measures import measured
from tests.oracle.recurring import recurs
from tests.oracle.things import open_things
from tests.oracle.told import Case, Moment, heard_since, own, passes, passing, trait


class Verdict(NamedTuple):
    """True, false or None for unknown; `numbers` are those that the evidence shows; `expired`: a drop's baseline ended here."""

    truth: Truth
    numbers: JsonObject
    expired: bool = False


def verdict(condition: JsonObject, case: Case, moment: Moment, drops: Drops) -> Verdict:
    """The condition at that moment."""
    ((kind, form),) = condition.items()
    if kind in {"all", "any"}:
        parts = [verdict(one, case, moment, drops) for one in form]
        truth = (both if kind == "all" else either)(part.truth for part in parts)
        return Verdict(truth, {}, any(part.expired for part in parts))
    if kind == "not":
        return Verdict(opposite(verdict(form, case, moment, drops).truth), {})
    if kind in {"drop", "rise"}:
        decision = drops.decision(kind, form, case, moment)
        return Verdict(decision.truth, decision.numbers, decision.expired)
    if kind == "trait":
        return Verdict(matches(form, lambda path: trait(path, case, moment), moment.t, case.zone), {})
    found: Verdict = globals()[kind](form, case, moment)
    return found


def event(form: Any, case: Case, moment: Moment) -> Verdict:
    """'this event, `where` its properties match'; an impulse: true at that event only."""
    return Verdict(moment.event is not None and passes(moment.event, form, case, moment), {})


def manual(form: JsonObject, case: Case, moment: Moment) -> Verdict:
    """'a person or another system starts it': an event `play.started` that names the play."""
    started = moment.event is not None and passes(moment.event, "play.started", case, moment)
    return Verdict(started and moment.event is not None and moment.event.properties.get("play") == case.play["play"], {})


def every(form: JsonObject, case: Case, moment: Moment) -> Verdict:
    """'a recurring date per account: each 90 days since onboarding, or a cron expression'."""
    anchor = read_moment(trait(form["since"], case, moment), case.zone) if "since" in form else None
    return Verdict(moment.event is None and recurs(form, anchor, moment.at, case.zone), {})


def change(form: JsonObject, case: Case, moment: Moment) -> Verdict:
    """'a trait changes `from` / `to`, or crosses a bound'. A subject's first value is no change; what was known counts after a
    gap.
    """
    known = own(case, moment)
    # What a file says of an account is known from its start on, before any event.
    first = moment.heard.index(known[0]) + 1 if known and (case.begins_at is None or case.value is not None) else 0
    places = range(first, len(moment.heard) + 1)
    told = [trait(form["of"], case, Moment(moment.t, moment.at, moment.heard[:place])) for place in places]
    after = told[-1]
    before_it = [value for value in told[:-1] if value is not None]
    if moment.event is None or after is None or not before_it or _same(before_it[-1], after):
        return Verdict(False, {})
    before = before_it[-1]

    def crossed(matcher: JsonObject, value: Any) -> Truth:
        return matches(
            {"value": matcher}, lambda path: value if path == "value" else trait(path, case, moment), moment.t, case.zone
        )

    if "crosses" in form:
        happened = crossed(form["crosses"], before) is False and crossed(form["crosses"], after) is True
    else:
        happened = all(word not in form or crossed(form[word], value) for word, value in (("from", before), ("to", after)))
    return Verdict(happened, {"before": before, "after": after})


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def open(form: JsonObject, case: Case, moment: Moment) -> Verdict:
    """'how many things are open: tickets by severity, unpaid invoices, incidents'."""
    number = open_things(form, case, moment)
    word = "at_least" if "at_least" in form else "at_most"
    bound = number_of(form[word], lambda path: trait(path, case, moment))
    if bound is None:
        return Verdict(None, {})
    return Verdict((at_least if word == "at_least" else at_most)(number, bound), {"open": number})


def count(form: JsonObject, case: Case, moment: Moment) -> Verdict:
    """'a measure over a sliding window, or since a date, is `at_least` / `at_most` a bound'."""
    value = _since(form, case, moment) if "since" in form else _window(form, case, moment)
    word = "at_least" if "at_least" in form else "at_most"
    bound = number_of(form[word], lambda path: trait(path, case, moment))
    if value is None or bound is None or (word == "at_most" and not _listened_enough(form, case, moment)):
        return Verdict(None, {})
    return Verdict((at_least if word == "at_least" else at_most)(value, bound), {"value": value})


def _window(form: JsonObject, case: Case, moment: Moment) -> float | None:
    """'events with `occurred_at` in `[t - over, t]`, exact, not bucketed, for bounds up to 1,000; larger bounds by hour
    buckets. The other measures use buckets: local days when `over` is two days or more, else hours; the window is the current
    bucket and those before it, `over` in all; it moves at a boundary `b` with the deadline `b`, and until then what occurred
    at `b` is not in it.'
    """
    measure = form.get("measure", "count")
    found = passing(form, case, moment)
    if measure == "count" and not _is_large(form):
        return len([one for one in found if moment.t - parse_duration(form["over"]) <= (one.occurred_at or 0)])
    buckets = Buckets(False, "UTC") if measure == "count" else buckets_for(form["over"], case.zone)
    current = buckets.begin(moment.t - 1)
    first = buckets.before(current, buckets.number(parse_duration(form["over"])) - 1)
    inside = [one for one in found if first <= (one.occurred_at or 0) < buckets.after(current)]
    return measured(measure, inside, case.zone)


def _is_large(form: JsonObject) -> bool:
    bound: float | str = form["at_least"] if "at_least" in form else form["at_most"]
    return not isinstance(bound, str) and bound > 1000


def _since(form: JsonObject, case: Case, moment: Moment) -> float | None:
    """'With `since`, events from that date on; unknown without the date.'"""
    date = read_moment(trait(form["since"], case, moment), case.zone)
    if date is None:
        return None
    found = [one for one in passing(form, case, moment) if (one.occurred_at or 0) >= date]
    return measured(form.get("measure", "count"), found, case.zone)


def _listened_enough(form: JsonObject, case: Case, moment: Moment) -> bool:
    """'`at_most` is unknown until heard since + over (24 h days, whatever the measure) has passed; with `since`, unknown while
    heard since is later than the date, and before the date.'
    """
    heard = heard_since(form["of"], case, moment)
    if "over" in form:
        return moment.t > heard + parse_duration(form["over"])
    date = read_moment(trait(form["since"], case, moment), case.zone)
    return date is not None and heard <= date <= moment.t


def silence(form: JsonObject, case: Case, moment: Moment) -> Verdict:
    """'`t - begin > for`, where begin is the newest matching `occurred_at`; with `since: start` and none, heard since; else
    unknown.'
    """
    found = passing(form, case, moment)
    if found:
        begin = found[-1].occurred_at or 0
    elif form.get("since") == "start":
        begin = heard_since(form["of"], case, moment)
    else:
        return Verdict(None, {})
    return Verdict(
        moment.t - begin > parse_duration(form["for"]), {"last": begin if found else None, "silent": moment.at - begin}
    )


def date(form: JsonObject, case: Case, moment: Moment) -> Verdict:
    """'true after date - before until date; with `after`, true after date + after.'"""
    day = read_moment(trait(form["of"], case, moment), case.zone)
    if day is None:
        return Verdict(None, {})
    if "after" in form:
        return Verdict(moment.t > day + parse_duration(form["after"]), {})
    return Verdict(day - parse_duration(form["before"]) < moment.t <= day, {})


def not_reached(form: JsonObject, case: Case, moment: Moment) -> Verdict:
    """'no anchor: unknown; until anchor + within (also before a future anchor): false; after that true until every milestone was
    met once; false ever after.'
    """
    anchor = _anchor(form["since"], case, moment)
    if anchor is None:
        return Verdict(None, {})
    milestones = form.get("milestones", {"milestone": form.get("milestone")})
    missing = [name for name, one in milestones.items() if not _met(one["count"], anchor, case, moment)]
    return Verdict(bool(missing) and moment.t > anchor + parse_duration(form["within"]), {"missing": missing})


def _anchor(since: Any, case: Case, moment: Moment) -> Instant | None:
    """'An event as the anchor means its first occurrence, with `restart: true` its latest'; else the instant in a trait."""
    if isinstance(since, str):
        return read_moment(trait(since, case, moment), case.zone)
    form = since["event"] if isinstance(since["event"], dict) else {"of": since["event"]}
    found = passing(form, case, moment)
    return found[-1 if since.get("restart") else 0].occurred_at if found else None


def _met(form: JsonObject, anchor: Instant, case: Case, moment: Moment) -> bool:
    """'true until every milestone was met once, at an instant at or after the anchor, counting events from the anchor on by
    `occurred_at` (also those heard before the anchor was)'; 'one with `over` is met if any window of `over` by `occurred_at`
    since the anchor reached it, whenever its events were heard'. Here `over` only for counts.
    """
    measure = form.get("measure", "count")
    found = [one for one in passing(form, case, moment) if (one.occurred_at or 0) >= anchor]
    if "over" in form:
        over, ends = parse_duration(form["over"]), [one.occurred_at or 0 for one in found]
        windows = [[one for one in found if end - over <= (one.occurred_at or 0) <= end] for end in ends]
    else:
        # What a measure once came to counts, even if a later event takes it down again.
        heard = [one for one in moment.heard if one in found]
        windows = [[one for one in found if one in heard[:number]] for number in range(len(heard) + 1)]
    return any(
        at_least(value, form["at_least"]) for window in windows if (value := measured(measure, window, case.zone)) is not None
    )

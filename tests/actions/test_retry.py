import pytest

from shared.instants import DAY, HOUR, MINUTE, SECOND
from shared.outbound import breaker
from shared.outbound.breaker import FIRST_PAUSE, LONGEST_PAUSE, OPENS_AFTER, Breaker
from shared.outbound.outcomes import Delivered, Disable, GiveUp, Hold, Outcome, Pause, TryAgain
from shared.outbound.retry import SCHEDULE, after_failure, judge_answer, parse_retry_after
from tests.actions.scene import MONDAY

FAILED = TryAgain("answered 500")


def gap(failures: int, jitter: float = 0, asked: int | None = None, throttled: bool = False) -> float:
    decided = after_failure(TryAgain("x", asked, throttled), failures, 0, jitter)
    assert isinstance(decided, TryAgain)
    assert decided.after is not None
    return decided.after / SECOND


def test_the_schedule_is_standard_webhooks() -> None:
    assert [gap(failures) for failures in range(9)] == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def test_jitter_is_a_fifth() -> None:
    assert (gap(0, -1), gap(0, 1)) == (4, 6)


def test_the_tenth_failure_is_the_last() -> None:
    assert isinstance(after_failure(FAILED, 8, 0, 0), TryAgain)
    assert after_failure(FAILED, 9, 0, 0) == GiveUp("failed 10 times; the last: answered 500")


def test_a_delivery_that_is_throttled_for_a_week_is_given_up() -> None:
    throttled = TryAgain("answered 429", throttled=True)
    assert isinstance(after_failure(throttled, 0, 7 * DAY, 0), TryAgain)
    assert isinstance(after_failure(throttled, 0, 7 * DAY + 1, 0), GiveUp)


def test_what_a_tool_asks_for_is_kept_between_our_gap_and_an_hour() -> None:
    assert gap(0, asked=7 * SECOND) == 7
    assert gap(0, asked=0) == 5
    assert gap(1, asked=7 * SECOND) == 300
    assert gap(0, asked=999_999_999 * SECOND) == 3600
    assert gap(8, asked=999_999_999 * SECOND) == 86400
    assert gap(0, jitter=-1, asked=7 * SECOND) >= 7


def test_throttled_without_a_time_is_a_minute() -> None:
    assert gap(0, throttled=True) == 60
    assert gap(0, asked=7 * SECOND, throttled=True) == 7


def test_throttled_tries_take_no_part_in_the_schedule() -> None:
    assert gap(5, throttled=True) == 60
    assert gap(5, asked=7 * SECOND, throttled=True) == 7


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("0.5", 0.5),
        ("Mon, 02 Mar 2026 09:00:30 GMT", 30),
        ("Mon, 02 Mar 2026 08:59:30 GMT", 0),
        ("999999999", 999_999_999),
        ("inf", 1e9),
        ("abc", None),
        ("-5", None),
        ("nan", None),
        ("", None),
        ("Mon, 99 Mar 2026 09:00:30 GMT", None),
        (None, None),
    ],
)
def test_retry_after_in_all_its_forms(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, MONDAY) == (None if seconds is None else round(seconds * SECOND))


def meaning(status: int) -> type[Outcome]:
    return type(judge_answer(status, {}, "", MONDAY))


def test_every_status_means_something() -> None:
    by_meaning: dict[type[Outcome], set[int]] = {}
    for status in range(100, 600):
        by_meaning.setdefault(meaning(status), set()).add(status)
    assert by_meaning[Delivered] == set(range(200, 300))
    assert by_meaning[Pause] == {401, 403}
    assert by_meaning[Disable] == {410}
    assert by_meaning[GiveUp] == set(range(400, 500)) - {401, 403, 408, 410, 425, 429}
    assert by_meaning[TryAgain] == set(range(100, 600)) - set(range(200, 300)) - set(range(400, 500)) | {408, 425, 429}


def test_only_429_is_throttled_and_the_time_asked_for_is_read() -> None:
    assert judge_answer(429, {"retry-after": "90"}, "", MONDAY) == TryAgain("answered 429", 90 * SECOND, True, 429, "")
    assert judge_answer(503, {"retry-after": "90"}, "", MONDAY) == TryAgain("answered 503", 90 * SECOND, False, 503, "")


def after(*outcomes: Outcome, now: int = MONDAY) -> Breaker:
    state = Breaker()
    for outcome in outcomes:
        state = breaker.after(state, outcome, now)
    return state


def test_ten_failures_in_a_row_open_the_breaker_for_a_while_then_one_is_tried() -> None:
    assert breaker.room(after(*[FAILED] * (OPENS_AFTER - 1)), 8, MONDAY) == 8
    opened = after(*[FAILED] * OPENS_AFTER)
    assert breaker.room(opened, 8, MONDAY + FIRST_PAUSE - 1) == 0
    assert breaker.room(opened, 8, MONDAY + FIRST_PAUSE) == 1
    assert breaker.room(breaker.after(opened, Delivered(), MONDAY), 8, MONDAY) == 8


def test_the_pause_doubles_up_to_five_minutes() -> None:
    assert after(*[FAILED] * (OPENS_AFTER + 1)).open_until == MONDAY + 2 * FIRST_PAUSE
    assert after(*[FAILED] * (OPENS_AFTER + 500)).open_until == MONDAY + LONGEST_PAUSE


def test_an_answer_that_refuses_one_delivery_is_an_answer() -> None:
    assert after(*[FAILED] * 9, GiveUp("answered 400"), FAILED).failures == 1


def test_what_says_nothing_about_the_tool_changes_nothing() -> None:
    assert after(FAILED, Hold("x"), Pause("x")) == after(FAILED)


def test_a_tool_that_asks_to_be_left_alone_is_left_alone() -> None:
    throttled = after(TryAgain("answered 429", MINUTE, throttled=True))
    assert breaker.room(throttled, 8, MONDAY + MINUTE - 1) == 0
    assert breaker.room(throttled, 8, MONDAY + MINUTE) == 8
    assert len(SCHEDULE) == 9
    assert SCHEDULE[-1] == 24 * HOUR

"""How we stand with a vendor, and its pace."""

from services.ingest.fetching.pace import Pace
from services.ingest.fetching.standing import FORBIDDEN_IN_A_ROW, REFUSED_FOR, Standing, after, judged, room
from shared.instants import SECOND
from shared.outbound.breaker import OPENS_AFTER
from shared.outbound.outcomes import Delivered, GiveUp, Outcome, Pause, TryAgain
from tests.ingest.conftest import NOW

REFUSED, FORBIDDEN = Pause("answered 401", 401), Pause("answered 403", 403)
FAILED, FETCHED = TryAgain("answered 500", status=500), Delivered()


def standing(*outcomes: Outcome) -> Standing:
    """After these answers, all at NOW."""
    stands = Standing()
    for outcome in outcomes:
        stands = after(stands, judged(stands, outcome), NOW)
    return stands


def test_one_401_is_enough_and_five_minutes_later_one_thing_is_asked_for() -> None:
    refused = standing(FETCHED, REFUSED)
    assert refused.paused
    assert room(refused, 4, NOW + REFUSED_FOR - 1) == 0
    assert room(refused, 4, NOW + REFUSED_FOR) == 1
    assert room(after(refused, REFUSED, NOW + REFUSED_FOR), 4, NOW + REFUSED_FOR) == 0


def test_whatever_shows_that_we_are_let_in_ends_it() -> None:
    assert not standing(REFUSED, FETCHED).paused
    assert not standing(REFUSED, GiveUp("answered 400", 400)).paused
    assert standing(REFUSED, FAILED).paused


def test_a_403_is_the_things_until_it_is_the_third_in_a_row() -> None:
    before = standing(*[FORBIDDEN] * (FORBIDDEN_IN_A_ROW - 1))
    assert (before.paused, room(before, 4, NOW)) == (False, 4)
    assert isinstance(judged(standing(FORBIDDEN), FORBIDDEN), TryAgain)
    assert judged(before, FORBIDDEN) == FORBIDDEN
    assert standing(*[FORBIDDEN] * FORBIDDEN_IN_A_ROW).paused
    assert not standing(*[FORBIDDEN] * (FORBIDDEN_IN_A_ROW - 1), FETCHED, FORBIDDEN).paused


def test_a_403_is_no_sign_that_a_vendor_is_broken() -> None:
    assert standing(*[FAILED] * (OPENS_AFTER - 1), FORBIDDEN).breaker.failures == OPENS_AFTER - 1


def test_ten_failures_in_a_row_leave_it_alone_for_ten_seconds() -> None:
    assert room(standing(*[FAILED] * (OPENS_AFTER - 1)), 4, NOW) == 4
    broken = standing(*[FAILED] * OPENS_AFTER)
    assert [room(broken, 4, NOW + moment) for moment in (10 * SECOND - 1, 10 * SECOND)] == [0, 1]


async def test_turns_come_at_even_distances() -> None:
    now, slept = 100.0, []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))

    pace = Pace(4, lambda: now, sleep)
    for _ in range(4):
        await pace.turn()
    assert slept == [0.25, 0.5, 0.75]
    now += 10
    await pace.turn()
    assert slept == [0.25, 0.5, 0.75]

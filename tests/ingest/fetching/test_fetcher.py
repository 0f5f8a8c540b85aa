"""What is fetched, when, and what becomes of it, on a clock that is set by hand."""

import dataclasses
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.fetching.contract import Api
from services.ingest.sources.contract import Notified, Reported, SourceSettings, sources
from shared.instants import DAY, HOUR, MINUTE, SECOND
from shared.outbound.retry import SCHEDULE
from tests.ingest.conftest import NOW
from tests.ingest.fetching.scene import OK, Scene, VendorApi, a_notification, vendor_api


async def test_a_ticket_becomes_an_event_of_its_account_and_is_gone(scene: Scene, vendor: VendorApi) -> None:
    await scene.told(a_notification(5))
    scene.clock.pass_time(3 * SECOND)
    await scene.work()
    (event,) = scene.journal.events
    assert (event.id, event.source, event.name) == ("01JH-5", "zendesk", "ticket.created")
    assert event.properties["priority"] == "urgent"
    assert event.properties["requester_email"] == "ana@acme.example"
    assert event.properties["zendesk"]["organization"]["external_id"] == "acme"
    assert event.occurred_at == NOW
    assert await scene.waiting() == []
    assert vendor.asked == ["5"]
    assert scene.measured("fetches_total", source="zendesk", outcome="fetched") == 1


async def test_a_thing_that_is_gone_is_told_with_what_is_known(scene: Scene, vendor: VendorApi) -> None:
    vendor.says(404)
    await scene.told(a_notification(5))
    await scene.work()
    assert scene.events == [("ticket.created", "5")]
    assert await scene.waiting() == []


async def test_told_twice_it_is_fetched_once_while_it_waits(scene: Scene, vendor: VendorApi) -> None:
    await scene.told(a_notification(5), a_notification(5))
    await scene.told(a_notification(5))
    await scene.work()
    assert vendor.asked == ["5"]


async def test_a_vendor_that_is_away_for_an_hour_is_asked_by_the_schedule(scene: Scene, vendor: VendorApi) -> None:
    vendor.says(503)
    await scene.told(a_notification(5))
    await scene.work()
    for gap, tries in ((5 * SECOND, 2), (5 * MINUTE, 3), (30 * MINUTE, 4)):
        await scene.after(gap - 1)
        assert len(vendor.asked) == tries - 1
        await scene.after(1)
        assert len(vendor.asked) == tries
    vendor.says(OK)
    await scene.after(HOUR)
    assert scene.events == []
    await scene.after(HOUR)
    assert scene.events == [("ticket.created", "5")]
    # It happened when the vendor said so, not when it was fetched.
    assert scene.journal.events[0].occurred_at == NOW


async def test_nobody_answers_at_all(scene: Scene, vendor: VendorApi) -> None:
    async with vendor_api() as other:
        scene.source(other, "zendesk")
    await scene.told(a_notification(5))
    await scene.work()
    (waiting,) = await scene.waiting()
    assert (waiting.state, waiting.failures, waiting.due_at) == ("waiting", 1, scene.clock() + 5 * SECOND)
    assert waiting.reason


async def test_a_vendor_that_asks_for_time_gets_it_for_all_its_things(scene: Scene, vendor: VendorApi) -> None:
    vendor.says((429, {"retry-after": "90"}), OK)
    await scene.told(a_notification(5))
    await scene.work()
    await scene.told(a_notification(6))
    await scene.after(90 * SECOND - 1)
    assert vendor.asked == ["5"]
    await scene.after(1)
    assert sorted(scene.events) == [("ticket.created", "5"), ("ticket.created", "6")]
    assert (await scene.waiting()) == []


async def test_to_be_throttled_is_no_failure(scene: Scene, vendor: VendorApi) -> None:
    vendor.says((429, {"retry-after": "90"}))
    await scene.told(a_notification(5))
    for _ in range(30):
        await scene.after(90 * SECOND)
    (waiting,) = await scene.waiting()
    assert (waiting.failures, waiting.attempt) == (0, 30)


async def test_what_a_vendor_asks_for_is_an_hour_at_most(scene: Scene, vendor: VendorApi) -> None:
    vendor.says((429, {"retry-after": "999999999"}), OK)
    await scene.told(a_notification(5))
    await scene.work()
    await scene.after(HOUR)
    assert scene.events == [("ticket.created", "5")]


async def test_a_vendor_that_refuses_us_is_left_alone_until_the_credentials_change(scene: Scene, vendor: VendorApi) -> None:
    vendor.token = "another token"
    await scene.told(a_notification(5), a_notification(6))
    await scene.work()
    assert scene.measured("source_paused", source="zendesk") == 1
    asked = len(vendor.asked)
    await scene.after(4 * MINUTE)
    assert len(vendor.asked) == asked
    assert {row.state for row in await scene.waiting()} <= {"refused", "waiting"}
    assert any("answered 401" in (row.reason or "") for row in await scene.waiting())
    scene.secret.write_text("another token")
    await scene.work()
    assert scene.measured("source_paused", source="zendesk") == 0
    assert sorted(scene.events) == [("ticket.created", "5"), ("ticket.created", "6")]


async def test_a_vendor_that_lets_us_in_again_is_found_out_within_minutes(scene: Scene, vendor: VendorApi) -> None:
    vendor.token = "another token"
    await scene.told(*(a_notification(number) for number in range(1, 9)))
    await scene.work()
    asked = len(vendor.asked)
    # One thing at a time asks whether it is so still.
    await scene.after(5 * MINUTE)
    assert len(vendor.asked) == asked + 1
    vendor.token = scene.secret.read_text()
    await scene.after(5 * MINUTE)
    await scene.after(5 * MINUTE)
    assert len(scene.events) == 8
    assert scene.measured("source_paused", source="zendesk") == 0


async def test_being_refused_is_no_failure_of_the_thing(scene: Scene, vendor: VendorApi) -> None:
    vendor.token = "another token"
    await scene.told(a_notification(5))
    for _ in range(30):
        await scene.after(DAY)
    (waiting,) = await scene.waiting()
    assert (waiting.state, waiting.failures) == ("refused", 0)
    assert await scene.letters() == []


async def test_a_secret_that_is_missing_asks_nobody(scene: Scene, vendor: VendorApi) -> None:
    scene.secret.unlink()
    await scene.told(a_notification(5))
    await scene.work()
    assert vendor.asked == []
    assert "is not set" in (await scene.waiting())[0].reason
    scene.secret.write_text(vendor.token)
    await scene.work()
    assert scene.events == [("ticket.created", "5")]


async def test_one_thing_that_is_forbidden_stops_no_other(scene: Scene, vendor: VendorApi) -> None:
    vendor.forbidden = {"5"}
    await scene.told(a_notification(5), a_notification(6))
    for gap in SCHEDULE:
        await scene.after(gap)
        await scene.told(a_notification(7 + SCHEDULE.index(gap)))
        await scene.work()
        assert not scene.measured("source_paused", source="zendesk")
    assert len(scene.events) == 1 + len(SCHEDULE)
    await scene.after(DAY)
    (letter,) = await scene.letters()
    assert "answered 403" in letter.reason


async def test_when_everything_is_forbidden_the_source_is_paused(scene: Scene, vendor: VendorApi) -> None:
    vendor.forbidden = {"5", "6", "7", "8"}
    await scene.told(*(a_notification(number) for number in (5, 6, 7, 8)))
    await scene.work()
    assert scene.measured("source_paused", source="zendesk") == 1


async def test_a_vendor_that_is_slow_is_given_up_in_time(database: AsyncEngine, tmp_path: Path, vendor: VendorApi) -> None:
    scene = Scene(database, tmp_path, call=0.2)
    scene.source(vendor)
    vendor.door.clear()
    await scene.told(a_notification(5))
    await scene.work()
    assert "no complete answer within 0.2 s" in (await scene.waiting())[0].reason
    vendor.door.set()
    await scene.after(5 * SECOND)
    assert scene.events == [("ticket.created", "5")]
    await scene.http.close()


async def test_many_slow_answers_together_are_bounded_too(database: AsyncEngine, tmp_path: Path, vendor: VendorApi) -> None:
    scene = Scene(database, tmp_path, deadline=0.2)
    scene.source(vendor)
    vendor.door.clear()
    await scene.told(a_notification(5))
    await scene.work()
    assert (await scene.waiting())[0].reason == "not fetched within 0.2 s"
    await scene.http.close()


async def test_what_is_told_of_one_thing_is_fetched_in_its_order(scene: Scene, vendor: VendorApi) -> None:
    vendor.says(503, OK)
    await scene.told(a_notification(5, "first"), a_notification(5, "second"), a_notification(6, "other"))
    await scene.work()
    assert [event.id for event in scene.journal.events] == ["other-6"]
    await scene.after(5 * SECOND)
    assert [event.id for event in scene.journal.events] == ["other-6", "first-5", "second-5"]


async def test_no_more_at_once_than_the_source_says(scene: Scene, vendor: VendorApi) -> None:
    scene.source(vendor, concurrency=3)
    vendor.door.clear()
    await scene.told(*(a_notification(number) for number in range(1, 9)))
    await scene.fetcher.sweep()
    assert await scene.fetcher.begin_due() == 3
    assert await scene.fetcher.begin_due() == 0
    vendor.door.set()
    await scene.fetcher.settle()
    await scene.work()
    assert len(scene.events) == 8


async def test_a_broken_vendor_delays_no_other(scene: Scene, vendor: VendorApi) -> None:
    async with vendor_api() as broken:
        broken.says(500)
        scene.source(broken, "broken")
        await scene.told(*(a_notification(number, source="broken") for number in range(1, 41)))
        await scene.told(a_notification(99))
        await scene.work()
        assert scene.events == [("ticket.created", "99")]
        # After ten failures in a row it is left alone.
        assert 10 <= len(broken.asked) <= 13


async def test_after_the_schedule_it_is_a_dead_letter_with_its_record(scene: Scene, vendor: VendorApi) -> None:
    vendor.says(500)
    await scene.told(a_notification(5))
    await scene.work()
    for gap in SCHEDULE:
        assert await scene.letters() == []
        await scene.after(gap)
    (letter,) = await scene.letters()
    assert (letter.kind, letter.origin) == ("notification", "notifications/0/0")
    assert letter.reason == "zendesk: failed 10 times; the last: answered 500: {}"
    assert b'"zen:ticket:5"' in letter.value
    assert await scene.waiting() == []
    # Redriven, it comes again at the end of its partition.
    vendor.says(OK)
    await scene.told(letter.value)
    await scene.after(MINUTE)
    assert scene.events == [("ticket.created", "5")]


async def test_an_answer_that_will_never_do_is_a_dead_letter_at_once(scene: Scene, vendor: VendorApi) -> None:
    vendor.says(400)
    await scene.told(a_notification(5), a_notification(5, "next"))
    await scene.work()
    assert [letter.reason for letter in await scene.letters()] == ["zendesk: answered 400: {}"] * 2


async def test_a_log_that_is_away_is_waited_for_and_no_failure(scene: Scene, vendor: VendorApi) -> None:
    scene.journal.away = True
    await scene.told(a_notification(5))
    await scene.work()
    (waiting,) = await scene.waiting()
    assert (waiting.failures, waiting.due_at) == (0, scene.clock() + 5 * SECOND)
    scene.journal.away = False
    await scene.after(5 * SECOND)
    assert scene.events == [("ticket.created", "5")]


async def test_a_source_without_an_api_is_not_asked_and_loses_nothing(scene: Scene, vendor: VendorApi) -> None:
    await scene.told(a_notification(5))
    api = scene.sources["zendesk"].pop("api")
    scene._version += 1
    await scene.after(HOUR)
    assert vendor.asked == []
    assert len(await scene.waiting()) == 1
    scene.sources["zendesk"]["api"] = api
    scene._version += 1
    await scene.work()
    assert scene.events == [("ticket.created", "5")]


async def test_what_waits_is_measured(scene: Scene, vendor: VendorApi) -> None:
    vendor.says(500)
    await scene.told(a_notification(5), a_notification(6))
    await scene.work()
    await scene.after(SECOND)
    assert scene.measured("notifications_waiting", source="zendesk") == 2
    assert scene.measured("notifications_failing", source="zendesk") == 2
    assert scene.measured("notifications_oldest_seconds", source="zendesk") == 1
    vendor.says(OK)
    await scene.after(HOUR)
    await scene.work()
    assert scene.measured("notifications_waiting", source="zendesk") == 0
    assert scene.measured("notifications_oldest_seconds", source="zendesk") == 0


async def test_what_cannot_be_read_becomes_a_dead_letter_and_the_rest_goes_on(scene: Scene, vendor: VendorApi) -> None:
    giant = a_notification(6, id="x" * 5000)
    await scene.told(b"\xff not json", b"{}", giant, a_notification(5))
    await scene.work()
    assert scene.events == [("ticket.created", "5")]
    assert [(letter.kind, letter.origin) for letter in await scene.letters()] == [
        ("record", f"notifications/0/{offset}") for offset in range(3)
    ]


async def test_a_fault_of_our_own_is_a_failed_try_and_says_nothing_of_the_vendor(scene: Scene, vendor: VendorApi) -> None:
    async def broken(notified: Notified, settings: SourceSettings, api: Api) -> list[Reported]:
        await api.get("/5")
        raise KeyError("what we did not expect")

    await scene.told(*(a_notification(number) for number in (1, 2)))
    await scene.fetcher.sweep()
    asked = scene.fetcher.asked["zendesk"]
    asked.configured = dataclasses.replace(asked.configured, source=dataclasses.replace(sources()["zendesk"], fetch=broken))
    while await scene.fetcher.begin_due():
        await scene.fetcher.settle()
    assert {row.failures for row in await scene.waiting()} == {1}
    assert {row.reason for row in await scene.waiting()} == {"what was fetched could not be read (KeyError)"}
    assert asked.standing.breaker.failures == 0

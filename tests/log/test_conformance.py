"""What both logs promise. Every test here runs on the embedded log and on Kafka."""

import asyncio
import time
from itertools import pairwise

import pytest

from shared.clock import wall_clock
from shared.instants import DAY, SECOND
from shared.log.contract import MAX_VALUE, Entry, EntryTooLarge, Log, LogMisconfigured, Record, partition_of
from tests.log.conftest import OpenLog
from tests.log.reading import PATIENCE, Reader, poll_until, read_all, until

MARCH = 1_772_355_600_123_456  # 2026-03-01T09:00:00.123456Z


def entry(key: str, value: str, **fields: int) -> Entry:
    return Entry(key, value.encode(), **fields)


# ------------------------------------------------------------------ appending


async def test_an_append_returns_partition_and_offset_of_each_entry_in_order(log: Log) -> None:
    a, b = partition_of("acme", 4), partition_of("beta", 4)
    assert a != b
    assert await log.append("events", [entry("acme", "1"), entry("beta", "2"), entry("acme", "3")]) == [(a, 0), (b, 0), (a, 1)]
    assert await log.append("events", [entry("acme", "4")]) == [(a, 2)]


async def test_nothing_appended_is_nothing_stored(log: Log) -> None:
    assert await log.append("events", []) == []
    assert await log.append("events", [entry("acme", "1", partition=0)]) == [(0, 0)]


async def test_a_key_is_always_in_its_own_partition(log: Log) -> None:
    keys = [f"account-{number}" for number in range(40)]
    places = await log.append("events", [entry(key, "x") for key in keys])
    assert [partition for partition, _ in places] == [partition_of(key, 4) for key in keys]
    assert {partition for partition, _ in places} == {0, 1, 2, 3}
    assert {record.key: record.partition for record in await read_all(log, 40)} == {key: partition_of(key, 4) for key in keys}


async def test_an_entry_may_name_its_partition(log: Log) -> None:
    assert await log.append("events", [entry("acme", "x", partition=partition) for partition in range(4)]) == [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 0),
    ]


@pytest.mark.parametrize("partition", [-1, 4])
async def test_a_partition_that_is_not_there_is_refused(log: Log, partition: int) -> None:
    with pytest.raises(ValueError, match="no partition"):
        await log.append("events", [entry("acme", "x", partition=0), entry("acme", "x", partition=partition)])
    assert await log.append("events", [entry("acme", "x", partition=0)]) == [(0, 0)]


async def test_a_topic_that_is_not_there_is_refused(log: Log) -> None:
    with pytest.raises(LogMisconfigured, match="no topic nothing"):
        await log.append("nothing", [entry("acme", "x")])
    with pytest.raises(LogMisconfigured, match="no topic nothing"):
        await log.partitions("nothing")


async def test_the_largest_value_is_taken_and_one_byte_more_is_not(log: Log) -> None:
    assert await log.append("events", [Entry("acme", bytes(MAX_VALUE), partition=0)]) == [(0, 0)]
    with pytest.raises(EntryTooLarge, match="900001 bytes"):
        await log.append("events", [entry("acme", "x", partition=0), Entry("acme", bytes(MAX_VALUE + 1), partition=0)])
    assert await log.append("events", [entry("acme", "x", partition=0)]) == [(0, 1)]


async def test_an_append_may_be_larger_than_any_batch(log: Log) -> None:
    large = [Entry("acme", bytes([number]) * 400_000, partition=0) for number in range(6)]
    assert await log.append("events", large) == [(0, number) for number in range(6)]
    assert [record.value[:1] for record in await read_all(log, 6)] == [bytes([number]) for number in range(6)]


async def test_topics_are_apart(log: Log) -> None:
    await log.append("events", [entry("acme", "event", partition=0)])
    assert await log.append("runs", [entry("acme", "run", partition=0)]) == [(0, 0)]
    assert [record.value for record in await read_all(log, 1, "runs")] == [b"run"]


async def test_nothing_is_lost_and_order_is_kept_when_many_append_at_once(log: Log) -> None:
    writers = [f"writer-{number}" for number in range(50)]

    async def write(writer: str) -> None:
        for number in range(20):
            await log.append("events", [entry(writer, f"{number}-{part}") for part in range(5)])

    await asyncio.gather(*map(write, writers))
    records = await read_all(log, 5000)
    assert len(records) == 5000
    for writer in writers:
        expected = [f"{number}-{part}".encode() for number in range(20) for part in range(5)]
        assert [record.value for record in records if record.key == writer] == expected


# ------------------------------------------------------------------ reading


async def test_a_record_is_read_as_it_was_written(log: Log) -> None:
    keys = ["acme", "Größe GmbH", "user:u1", "\N{SNOWMAN}"]
    await log.append("events", [Entry(key, b'{"a":"\xc3\xa4\x00"}', partition=1) for key in keys])
    await log.append("events", [Entry("", b"", partition=1)])
    found = [(record.partition, record.offset, record.key, record.value) for record in await read_all(log, 5)]
    assert found == [(1, offset, key, b'{"a":"\xc3\xa4\x00"}') for offset, key in enumerate(keys)] + [(1, 4, "", b"")]


async def test_two_groups_read_everything_independently(log: Log) -> None:
    await log.append("events", [entry("acme", str(number)) for number in range(10)])
    async with Reader(log, group="rules") as rules, Reader(log, group="actions") as actions:
        assert await rules.until(10) == await actions.until(10)
        await log.append("events", [entry("acme", "more")])
        assert (await rules.until(11))[10].value == (await actions.until(11))[10].value == b"more"


async def test_reading_begins_where_assigned_says(log: Log) -> None:
    await log.append("events", [entry("acme", str(number), partition=number % 2) for number in range(10)])
    async with Reader(log, offsets={0: 3, 1: 5}) as reader:
        assert [record.value for record in await reader.until(2)] == [b"6", b"8"]
        await log.append("events", [entry("acme", "10", partition=1)])
        assert (await reader.until(3))[2] == Record(1, 5, reader.records[2].at, "acme", b"10")


async def test_a_reader_that_comes_back_goes_on(log: Log) -> None:
    offsets: dict[int, int] = {}
    for written in (b"1", b"2"):
        await log.append("events", [Entry("acme", written)])
        async with Reader(log, offsets=offsets) as reader:
            assert [record.value for record in await reader.until(1)] == [written]


async def test_an_offset_past_the_end_is_another_log(log: Log) -> None:
    await log.append("events", [entry("acme", "x", partition=2)])
    async with Reader(log, offsets={2: 1}) as reader:
        await reader.holds(0, 1, 2, 3)
    async with Reader(log, offsets={2: 2}) as reader:
        with pytest.raises(LogMisconfigured, match="partition 2: to be read from 2 on, but it ends at 1"):
            await reader.holds(-1)


async def test_a_poll_gives_no_more_than_asked(log: Log) -> None:
    await log.append("events", [entry("acme", str(number), partition=number % 4) for number in range(10)])
    async with Reader(log, at_once=3) as reader:
        sizes = []
        while len(reader.records) < 10:
            sizes.append(len(await reader.poll()))
        assert max(sizes) <= 3


async def test_a_poll_without_records_ends_when_its_wait_is_over(log: Log) -> None:
    async with Reader(log) as reader:
        await reader.holds(0, 1, 2, 3)
        began = time.monotonic()
        assert await reader.poll(wait=0.3) == []
        assert 0.25 < time.monotonic() - began < 3


async def test_who_waits_is_woken_at_once(log: Log) -> None:
    async with Reader(log) as reader:
        await reader.holds(0, 1, 2, 3)
        waiting = asyncio.create_task(reader.poll(wait=10))
        await log.append("events", [entry("acme", "now")])
        began = time.monotonic()
        assert [record.value for record in await waiting] == [b"now"]
        assert time.monotonic() - began < 2


async def test_end_offsets_are_those_of_the_assigned_partitions(log: Log) -> None:
    async with Reader(log) as reader:
        assert await reader.subscription.end_offsets() == {}
        await reader.holds(0, 1, 2, 3)
        assert await reader.subscription.end_offsets() == {0: 0, 1: 0, 2: 0, 3: 0}
        await log.append(
            "events", [entry("acme", "x", partition=1), entry("acme", "x", partition=1), entry("acme", "x", partition=3)]
        )
        assert await reader.subscription.end_offsets() == {0: 0, 1: 2, 2: 0, 3: 1}


# ------------------------------------------------------------------ groups


async def test_two_members_share_the_partitions_and_one_takes_over_when_the_other_leaves(log: Log) -> None:
    offsets: dict[int, int] = {}
    async with Reader(log, offsets=offsets) as first:
        await first.holds(0, 1, 2, 3)
        async with Reader(log, offsets=offsets) as second:
            await until(lambda: len(first.held) == len(second.held) == 2, first, second)
            assert first.held | second.held == {0, 1, 2, 3}
            await log.append("events", [entry("acme", str(number), partition=number % 4) for number in range(100)])
            await until(lambda: len(first.records) + len(second.records) == 100, first, second)
            assert {record.partition for record in second.records} == second.held
        assert second.told[-1][0] == "revoked"
        await log.append("events", [entry("acme", "after", partition=partition) for partition in range(4)])
        await first.until(54)
        assert first.held == {0, 1, 2, 3}
        assert {record.partition for record in first.records[-4:]} == {0, 1, 2, 3}


async def test_a_member_without_partitions_takes_over(open_again: OpenLog) -> None:
    log = await open_again(partitions=1)
    offsets: dict[int, int] = {}
    async with Reader(log, offsets=offsets) as first, Reader(log, offsets=offsets) as second:
        await log.append("events", [entry("acme", "1")])
        await until(lambda: len(first.records + second.records) == 1 == len(first.held) + len(second.held), first, second)
        busy, idle = (first, second) if first.held else (second, first)
        assert await idle.subscription.end_offsets() == {}
        await busy.leave()
        await log.append("events", [entry("acme", "2")])
        await until(lambda: idle.values()[-1:] == [b"2"], idle)


async def test_every_rebalance_revokes_all_and_assigns_anew(log: Log) -> None:
    async with Reader(log, group="one") as first:
        await first.holds(0, 1, 2, 3)
        async with Reader(log, group="one") as second:
            await until(lambda: len(first.held) == len(second.held) == 2, first, second)
        await first.holds(0, 1, 2, 3)
    kinds = [kind for kind, _ in first.told]
    assert kinds[0] == "assigned"
    assert all(one != other for one, other in pairwise(kinds))
    for (_, taken), (_, held) in zip(first.told[1::2], first.told[::2], strict=True):
        assert taken == held


async def test_what_assigned_raises_is_raised_by_poll_and_asked_again(log: Log) -> None:
    await log.append("events", [entry("acme", "x", partition=0)])
    answers: list[dict[int, int] | Exception] = [
        TimeoutError("the database is away"),
        ValueError("still"),
        dict.fromkeys(range(4), 0),
    ]

    async def assigned(_: frozenset[int]) -> dict[int, int]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def revoked(_: frozenset[int]) -> None:
        return

    async def raised() -> list[Record]:
        while not (found := await subscription.poll(10, 0.1)):
            pass
        return [record for records in found.values() for record in records]

    async with log.subscribe("events", "readers", assigned, revoked) as subscription:
        with pytest.raises(TimeoutError, match="the database is away"):
            await asyncio.wait_for(raised(), 20)
        with pytest.raises(ValueError, match="still"):
            await asyncio.wait_for(raised(), 20)
        assert [record.value for record in await asyncio.wait_for(raised(), 20)] == [b"x"]


async def test_nobody_is_assigned_a_partition_that_another_is_still_taking(log: Log) -> None:
    # `assigned` fences the owner before; if the older one ended last, the partition would be nobody's.
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(partitions: frozenset[int]) -> dict[int, int]:
        begun.set()
        await may_end.wait()
        ended.set()
        return dict.fromkeys(partitions, 0)

    async def nothing(_: frozenset[int]) -> None:
        return

    async with log.subscribe("events", "readers", slow, nothing) as first:
        taking = asyncio.create_task(poll_until(ended.is_set, first))
        await asyncio.wait_for(begun.wait(), PATIENCE)
        async with Reader(log) as second:
            joining = asyncio.create_task(until(lambda: bool(second.held), second))
            await asyncio.wait({joining}, timeout=2)
            assert not second.held
            may_end.set()
            await taking
            await asyncio.gather(joining, poll_until(lambda: bool(second.held), first))


# ------------------------------------------------------------------ time


async def test_a_live_log_gives_the_time_whatever_the_writer_says(log: Log) -> None:
    before = wall_clock()
    await log.append("events", [entry("acme", "1", partition=0, at=MARCH), entry("acme", "2", partition=0)])
    after = wall_clock()
    for record in await read_all(log, 2):
        # Kafka counts in milliseconds.
        assert before - SECOND // 1000 <= record.at <= after


async def test_time_never_runs_backwards(log: Log) -> None:
    for number in range(30):
        await log.append("events", [entry("acme", str(number), partition=0)])
    times = [record.at for record in await read_all(log, 30)]
    assert times == sorted(times)
    assert times[0] < times[-1]


async def test_a_replay_takes_the_writers_times_to_the_microsecond(open_again: OpenLog) -> None:
    log = await open_again(replay=True)
    assert log.replay
    times = [MARCH, MARCH + 1, MARCH + 1, MARCH + 90 * DAY, MARCH + 400 * DAY]
    await log.append("events", [entry("acme", "x", partition=0, at=at) for at in times])
    await log.append("events", [entry("acme", "x", partition=1, at=MARCH - 365 * DAY)])
    assert [record.at for record in await read_all(log, 6)] == [*times, MARCH - 365 * DAY]


async def test_a_replay_never_goes_backwards_and_without_a_time_stands_still(open_again: OpenLog) -> None:
    log = await open_again(replay=True)
    await log.append("events", [entry("acme", "no time yet", partition=0)])
    await log.append("events", [entry("acme", str(at), partition=0, at=at) for at in (MARCH, MARCH - 1, MARCH + 1)])
    await log.append("events", [entry("acme", "no time", partition=0)])
    assert [record.at for record in await read_all(log, 5)] == [0, MARCH, MARCH, MARCH + 1, MARCH + 1]


async def test_after_a_replay_the_log_goes_live(open_again: OpenLog) -> None:
    log = await open_again(replay=True)
    await log.append("events", [entry("acme", "1", partition=0, at=MARCH)])
    await log.go_live()
    assert not log.replay
    before = wall_clock()
    await log.append("events", [entry("acme", "2", partition=0, at=MARCH + 1)])
    old, new = await read_all(log, 2)
    assert old.at == MARCH
    assert before - SECOND // 1000 <= new.at <= wall_clock()
    await log.close()
    assert await (await open_again()).append("events", [entry("acme", "3", partition=0)]) == [(0, 2)]


# ------------------------------------------------------------------ topics


async def test_topics_are_made_once(log: Log) -> None:
    await log.append("events", [entry("acme", "x", partition=0)])
    await log.create_topics()
    assert await log.partitions("events") == await log.partitions("runs") == 4
    assert await log.append("events", [entry("acme", "x", partition=0)]) == [(0, 1)]


async def test_another_number_of_partitions_is_refused(open_again: OpenLog) -> None:
    await (await open_again(partitions=2)).close()
    with pytest.raises(
        LogMisconfigured, match=r"events was made with 2 partitions, and 3 are asked for \(SUCCESSPLAYS_PARTITIONS\)"
    ):
        await open_again(partitions=3)
    assert await (await open_again(partitions=2)).partitions("events") == 2


@pytest.mark.parametrize("replay", [True, False])
async def test_a_live_log_is_not_replayed_nor_a_replay_continued_live(open_again: OpenLog, replay: bool) -> None:
    await (await open_again(replay=replay)).close()
    with pytest.raises(LogMisconfigured, match="SUCCESSPLAYS_REPLAY"):
        await open_again(replay=not replay)
    assert (await open_again(replay=replay)).replay is replay


async def test_a_log_that_is_opened_again_goes_on(open_again: OpenLog) -> None:
    log = await open_again()
    await log.append("events", [entry("acme", "1", partition=0), entry("acme", "2", partition=0)])
    await log.close()
    again = await open_again()
    assert await again.append("events", [entry("acme", "3", partition=0), entry("acme", "4", partition=1)]) == [(0, 2), (1, 0)]
    assert [record.value for record in await read_all(again, 4)] == [b"1", b"2", b"3", b"4"]


async def test_an_open_log_is_ready(log: Log) -> None:
    assert await log.ready()

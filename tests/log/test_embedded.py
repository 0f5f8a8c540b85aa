"""What only the embedded log does: it has one owner, one clock and one file."""

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from shared.log.contract import Entry, LogInUse, LogUnavailable
from tests.conftest import SettingsFor
from tests.log.conftest import OpenLog
from tests.log.reading import Reader, read_all

HOLD_IT = """
import asyncio, pathlib, sys
from shared.clock import wall_clock
from shared.log import open_log
from shared.settings import Settings

async def hold():
    log = await open_log(Settings(SUCCESSPLAYS_DATA=pathlib.Path(sys.argv[1])), wall_clock)
    print("open", flush=True)
    sys.stdin.read()
    await log.close()

asyncio.run(hold())
"""


async def test_a_second_process_is_told_who_has_the_log(settings_for: SettingsFor, open_with: OpenLog) -> None:
    settings = settings_for()
    command = [sys.executable, "-c", HOLD_IT, str(settings.data)]
    owner = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parents[2])
    assert owner.stdout is not None
    assert await owner.stdout.readline() == b"open\n"
    with pytest.raises(LogInUse, match=f"process {owner.pid} has it open"):
        await open_with(settings)
    owner.kill()
    await owner.wait()
    # A lock dies with its process.
    await (await open_with(settings)).close()


async def test_a_closed_log_takes_nothing_and_is_free(settings_for: SettingsFor, open_with: OpenLog) -> None:
    log = await open_with(settings_for())
    await log.close()
    assert not await log.ready()
    with pytest.raises(LogUnavailable, match="closed"):
        await log.append("events", [Entry("acme", b"x")])
    await (await open_with(settings_for())).close()


async def test_a_close_writes_what_waits(settings_for: SettingsFor, open_with: OpenLog) -> None:
    log = await open_with(settings_for())
    appends = [asyncio.create_task(log.append("events", [Entry("acme", b"x", partition=0)])) for _ in range(5)]
    await asyncio.sleep(0)
    await log.close()
    assert await asyncio.gather(*appends) == [[(0, offset)] for offset in range(5)]


async def test_a_clock_that_is_set_back_does_not_take_time_back(settings_for: SettingsFor, open_with: OpenLog) -> None:
    hours = iter([1000, 400, 1001])
    log = await open_with(settings_for(), lambda: next(hours))
    for _ in range(2):
        await log.append("events", [Entry("acme", b"x", partition=0)])
    await log.close()
    log = await open_with(settings_for(), lambda: next(hours))
    await log.append("events", [Entry("acme", b"x", partition=0)])
    assert [record.at for record in await read_all(log, 3)] == [1000, 1000, 1001]


async def test_entries_that_wait_together_have_one_time(settings_for: SettingsFor, open_with: OpenLog) -> None:
    hours = iter(range(1000, 2000))
    log = await open_with(settings_for(), lambda: next(hours))
    await log.append("events", [Entry(f"account-{number}", b"x") for number in range(20)])
    assert {record.at for record in await read_all(log, 20)} == {1000}


async def test_what_the_file_refuses_is_not_stored_and_the_log_goes_on(settings_for: SettingsFor, open_with: OpenLog) -> None:
    settings = settings_for()
    log = await open_with(settings)
    await log.append("events", [Entry("acme", b"1", partition=0)])
    outside = sqlite3.connect(settings.data / "log.db", isolation_level=None)
    outside.execute(
        "CREATE TRIGGER full BEFORE INSERT ON record WHEN new.value = x'32' BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    with pytest.raises(LogUnavailable, match="disk full"):
        await log.append("events", [Entry("acme", b"0", partition=0), Entry("acme", b"2", partition=0)])
    outside.execute("DROP TRIGGER full")
    outside.close()
    assert await log.append("events", [Entry("acme", b"2", partition=0)]) == [(0, 1)]
    assert [record.value for record in await read_all(log, 2)] == [b"1", b"2"]


async def test_an_append_that_nobody_waits_for_any_more_is_stored(settings_for: SettingsFor, open_with: OpenLog) -> None:
    log = await open_with(settings_for())
    given_up = asyncio.create_task(log.append("events", [Entry("acme", b"1", partition=0)]))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await log.append("events", [Entry("acme", b"2", partition=0)]) == [(0, 1)]


async def test_a_busy_partition_does_not_hold_up_the_others(settings_for: SettingsFor, open_with: OpenLog) -> None:
    log = await open_with(settings_for())
    await log.append("events", [Entry("busy", b"x", partition=0)] * 1000 + [Entry("quiet", b"x", partition=3)] * 3)
    async with Reader(log, at_once=10) as reader:
        first = await reader.poll()
        assert [record.partition for record in first].count(3) == 3
        assert len(first) <= 10

"""A workspace's sample, lived through once for each data folder: posted over HTTP into a log that is open for replay until then.

It is remembered how far it came, so that what was interrupted goes on where it was.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from services.cli import show
from services.cli.api import WRITE_KEY, address_of
from services.cli.failures import Found, WrongUsage
from services.cli.up.caught_up import wait_until_caught_up
from services.cli.up.sample_file import FILE, events_of, read_sample
from services.console.parts import Parts
from shared.clock import wall_clock
from shared.instants import Instant, parse_instant
from shared.records import JsonObject
from shared.settings import Settings

STATE = "sample.json"
LOG_FILE = "log.db"
BATCH = 500
HTTP_SECONDS = 30.0


class State(msgspec.Struct):
    """How far the sample came: the instant that its times are told from, and how many of its events the log has."""

    now: Instant
    sent: int = 0
    finished: bool = False


class Sample:
    """The past to live through, or none."""

    def __init__(self, settings: Settings, state: State | None = None, events: list[JsonObject] | None = None) -> None:
        self._settings = settings
        self._state = state
        self._events = events or []

    @property
    def known(self) -> bool:
        """Whether the data folder has the sample's past."""
        return self._state is not None

    @property
    def replays(self) -> bool:
        """Whether the log must be opened for replay."""
        return self._state is not None and not self._state.finished

    @property
    def begins_at(self) -> Instant | None:
        """When its first event happened: the workspace is applied then. None when there is nothing to live through."""
        return parse_instant(self._events[0]["received_at"]) if self.replays else None

    async def live_through(self, parts: Parts, stop: asyncio.Event) -> None:
        """Post what was not posted yet, let the log go live, and wait until everything was taken.

        Raises:
            Found: our own ingest refused an event.
        """
        if self._state is None or self._state.finished:
            return
        await self._post(self._state, stop)
        if stop.is_set():
            return
        await parts.log.go_live()
        self._state.finished = True
        await self._remember(self._state)
        await wait_until_caught_up(parts, stop)

    async def _post(self, state: State, stop: asyncio.Event) -> None:
        key = (self._settings.data / WRITE_KEY).read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        address = address_of(self._settings)
        show.say(f"Living through the sample: {len(self._events)} events of the last ninety days.")
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=HTTP_SECONDS, trust_env=False) as http:
            while state.sent < len(self._events) and not stop.is_set():
                batch = self._events[state.sent : state.sent + BATCH]
                await _post_batch(http, batch)
                state.sent += len(batch)
                await self._remember(state)

    async def _remember(self, state: State) -> None:
        await asyncio.to_thread(_write, self._settings.data / STATE, state)


async def _post_batch(http: httpx.AsyncClient, batch: list[JsonObject]) -> None:
    while True:
        answer = await http.post("/v1/events", json=batch)
        if answer.status_code != 503:
            break
        await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
    told: Any = answer.json() if answer.status_code in (202, 400) else {}
    if answer.status_code != 202 or told.get("refused"):
        raise Found(f"{FILE}: the sample was refused: {answer.text[:500]}")


def open_sample(settings: Settings, workspace: Path, *, wanted: bool) -> Sample:
    """What there is to live through, given what the data folder remembers.

    Raises:
        Failure: it cannot be lived through here; a sentence says why.
    """
    file = settings.data / STATE
    state = None
    with suppress(FileNotFoundError):
        state = msgspec.json.decode(file.read_bytes(), type=State)
    if state is not None and state.finished:
        return Sample(settings, state)
    if state is None and not wanted:
        return Sample(settings)
    _refuse_kafka(settings)
    if state is None:
        if (settings.data / LOG_FILE).exists():
            show.say(f"{settings.data} has heard live events already, so the sample is left out: it needs a new data folder.")
            return Sample(settings)
        state = State(now=wall_clock())
        settings.data.mkdir(parents=True, exist_ok=True)
        events = _read_events(workspace, state.now)
        _write(file, state)
        return Sample(settings, state, events)
    return Sample(settings, state, _read_events(workspace, state.now))


def _refuse_kafka(settings: Settings) -> None:
    if settings.kafka_bootstrap_servers is not None:
        raise WrongUsage("--sample needs the embedded log, which can be opened for replay: unset KAFKA_BOOTSTRAP_SERVERS")


def _read_events(workspace: Path, now: Instant) -> list[JsonObject]:
    try:
        text = (workspace / FILE).read_text()
    except FileNotFoundError:
        raise WrongUsage(f"{workspace} holds no {FILE}, which --sample needs") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{workspace / FILE} cannot be read: {error}") from None
    return events_of(read_sample(text), now)


def _write(file: Path, state: State) -> None:
    beside = file.with_suffix(".new")
    beside.write_bytes(msgspec.json.encode(state))
    beside.replace(file)

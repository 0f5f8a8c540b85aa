"""One try: fetches a thing, and puts the events that it stands for into the log."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from services.ingest.fetching.contract import Api, Unfetched
from services.ingest.fetching.store import Leased
from services.ingest.intake import Journal
from services.ingest.receiving.configured import Configured
from services.ingest.receiving.reported import events_of
from services.ingest.sources.contract import Notified, Reported
from shared.log.contract import Entry, EntryTooLarge, LogUnavailable
from shared.outbound.outcomes import Delivered, GiveUp, Hold, Outcome, TryAgain
from shared.records import JsonObject, decode_notification
from shared.telemetry import log_for
from shared.topics import EVENTS

# Several questions and their turns; shorter than a lease.
FETCH_SECONDS = 90.0

logger = log_for("ingest")


class Fetched(NamedTuple):
    """What a try came to; Delivered: the log has the events. `by_vendor`: it says something of how the vendor is."""

    outcome: Outcome
    by_vendor: bool = True


async def fetch(leased: Leased, configured: Configured, api: Api, log: Journal, deadline: float = FETCH_SECONDS) -> Fetched:
    """Fetch a thing by the source's own `fetch`, within `deadline` seconds."""
    if configured.source.fetch is None:
        return Fetched(GiveUp(f"a source of kind {configured.source.kind} fetches nothing"), by_vendor=False)
    try:
        async with asyncio.timeout(deadline):
            told = await configured.source.fetch(_notified(leased), configured.settings, api)
        entries = _entries(told, leased, configured)
    except Unfetched as unfetched:
        return Fetched(unfetched.outcome)
    except TimeoutError:
        return Fetched(TryAgain(f"not fetched within {deadline:g} s"))
    except Exception as error:
        # A fault of our own in one thing: it is tried again like any other failure, and ends in the dead letters.
        logger.error("not fetched", source=leased.source, id=leased.id, exc_info=error)
        return Fetched(TryAgain(f"what was fetched could not be read ({type(error).__name__})"), by_vendor=False)
    try:
        if entries:
            await log.append(EVENTS, entries)
    except LogUnavailable as error:
        return Fetched(Hold(f"the log is away: {error}"), by_vendor=False)
    except EntryTooLarge as error:
        return Fetched(GiveUp(str(error)), by_vendor=False)
    return Fetched(Delivered())


def _entries(told: Sequence[Reported], leased: Leased, configured: Configured) -> list[Entry]:
    """It happened when the vendor said so, or at the latest when we heard of it; not when it was fetched."""
    record = decode_notification(leased.record)
    happened = min(record.occurred_at or record.received_at, record.received_at)
    dated = [
        reported if reported.occurred_at is not None else msgspec.structs.replace(reported, occurred_at=happened)
        for reported in told
    ]
    return events_of(dated, configured.name, configured.source.kind, configured.settings)


def _notified(leased: Leased) -> Notified:
    record = decode_notification(leased.record)
    vendor = msgspec.json.decode(record.vendor, type=JsonObject)
    return Notified(id=record.id, thing=record.thing, vendor=vendor, occurred_at=record.occurred_at)

"""What a source read becomes entries of the log: under its account, or under whom it is about."""

from collections.abc import Sequence

from services.ingest.http.body import LONGEST_ID
from services.ingest.reading.names import LONGEST
from services.ingest.sender import event_entry, mapping_entry
from services.ingest.sources.contract import Notified, Reported, SourceSettings, Told
from services.ingest.words.mapping import text_at
from services.ingest.words.values import id_of
from shared.instants import Instant
from shared.log.contract import Entry
from shared.records import Event, JsonObject, Mapping, Notification, as_json, encode


def events_of(told: Sequence[Told], source: str, kind: str, settings: SourceSettings) -> list[Entry]:
    """Entries of topic `events`: for each event who is who first, then itself."""
    return [entry for reported in told if isinstance(reported, Reported) for entry in _entries(reported, source, kind, settings)]


def notifications_of(told: Sequence[Told], source: str, received_at: Instant) -> list[Entry]:
    """Entries of topic `notifications`: what has to be fetched before it is an event."""
    return [_notification(notified, source, received_at) for notified in told if isinstance(notified, Notified)]


def _entries(reported: Reported, source: str, kind: str, settings: SourceSettings) -> list[Entry]:
    named = None if settings.account is None else text_at(reported.vendor, settings.account)
    account_id = _id(named) or _id(reported.account_id)
    identity = id_of(reported.id)
    user_id = None if settings.user is None else _id(text_at(reported.vendor, settings.user))
    known = reported.about if user_id is None else (f"user:{user_id}", *reported.about)
    # An event of nobody is kept all the same, under itself.
    about = () if account_id is not None else known or (f"{kind}:event:{identity}",)
    event = Event(
        id=identity,
        name=reported.name[:LONGEST],
        source=source,
        account_id=account_id,
        user_id=user_id or _id(reported.user_id),
        about=about[0] if about else None,
        else_about=about[1:],
        occurred_at=reported.occurred_at,
        properties_json=as_json(_properties(reported, kind)),
        traits=reported.traits,
        user_traits=reported.user_traits,
    )
    who = [mapping_entry(Mapping(alias=alias, same_as=other), None) for alias, other in reported.same]
    if account_id is not None:
        who += [mapping_entry(Mapping(alias=alias, account_id=account_id), None) for alias in reported.about[:1]]
    return [*who, event_entry(event, None)]


def _id(found: str | None) -> str | None:
    """What is longer is no id of an account or a user, and no index of a database could have it."""
    return found if found is not None and len(found) <= LONGEST_ID else None


def _properties(reported: Reported, kind: str) -> JsonObject:
    return {**reported.properties, kind: reported.vendor}


def _notification(notified: Notified, source: str, received_at: Instant) -> Entry:
    record = Notification(
        id=id_of(notified.id),
        source=source,
        # What is longer is nothing of the vendor's, and will not be found.
        thing=notified.thing[:LONGEST_ID],
        vendor=as_json(notified.vendor),
        occurred_at=notified.occurred_at,
        received_at=received_at,
    )
    return Entry(f"{source}:{record.thing}", encode(record))

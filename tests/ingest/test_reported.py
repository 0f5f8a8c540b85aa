"""What a source read becomes entries of the log: what is too long for any index of a database does not get there."""

from services.ingest.http.body import LONGEST_ID
from services.ingest.reading.names import LONGEST
from services.ingest.receiving.reported import events_of, notifications_of
from services.ingest.sources.contract import Notified, Reported, SourceSettings
from shared.records import Event, decode_events_record, decode_notification

FINE, LONG = "a" * LONGEST_ID, "a" * (LONGEST_ID + 1)


def stored(settings: SourceSettings | None = None, **fields: str) -> Event:
    reported = Reported(**{"id": "1", "name": "ticket.created", "vendor": {"account": LONG}, **fields})  # type: ignore[arg-type]
    (entry,) = events_of([reported], "desk", "zendesk", settings or SourceSettings())
    record = decode_events_record(entry.value)
    assert isinstance(record, Event)
    return record


def test_an_id_that_is_too_long_is_a_digest() -> None:
    assert stored(id="e-1").id == "e-1"
    assert len(stored(id=LONG).id) == 32
    assert stored(id=LONG).about == f"zendesk:event:{stored(id=LONG).id}"
    assert stored(id=LONG).id == stored(id=LONG).id != stored(id=LONG + "b").id


def test_a_user_and_an_account_that_are_too_long_are_none() -> None:
    assert (stored(user_id=FINE).user_id, stored(user_id=LONG).user_id) == (FINE, None)
    assert stored(SourceSettings(account="account")).about == "zendesk:event:1"


def test_a_name_is_cut() -> None:
    assert stored(name="a." + LONG).name == ("a." + LONG)[:LONGEST]


def test_so_is_a_thing_to_fetch() -> None:
    (entry,) = notifications_of([Notified(id=LONG, thing=LONG, vendor={})], "desk", 0)
    record = decode_notification(entry.value)
    assert (len(record.id), record.thing, entry.key) == (32, FINE, f"desk:{FINE}")

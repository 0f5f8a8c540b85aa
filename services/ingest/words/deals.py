"""Deals of all CRMs in the same words, and the contract that a deal which was won renews."""

from collections.abc import Mapping

from services.ingest.words.mapping import picked
from services.ingest.words.values import date_of, kept, number_of, text_of
from shared.records import JsonObject

_READERS = {
    **dict.fromkeys(("deal_id", "title", "stage", "old_stage", "type", "owner"), text_of),
    "amount": number_of,
    "currency": lambda found: (text_of(found) or "").upper() or None,
    "close_date": date_of,
}
_CONTRACT = {"contract_id": "deal_id", "amount": "amount", "currency": "currency"}


def deal(vendor: JsonObject, paths: Mapping[str, str]) -> JsonObject:
    """The words of a deal that are found at these paths of the vendor's object, as all sources write them."""
    return kept(picked(vendor, paths), _READERS)


def contract(words: JsonObject) -> JsonObject:
    """The words of `contract.renewed`, of the deal that renewed it."""
    return picked(words, _CONTRACT)

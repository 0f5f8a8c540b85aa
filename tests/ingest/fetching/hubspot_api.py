"""HubSpot on 127.0.0.1: its webhooks, which tell an object's id, and its API, which tells the rest."""

import base64
import hashlib
import hmac
import json
from typing import Any

from shared.instants import Instant
from shared.records import JsonObject

SECRET = "the client secret of the app"
URL = "https://hooks.acme.example/v1/sources/hubspot"
TICKET = {
    "id": "5012",
    "properties": {"subject": "Export fails", "hs_pipeline_stage": "1", "hs_ticket_priority": "HIGH"},
    "associations": {"companies": {"results": [{"id": "99", "type": "ticket_to_company"}]}},
}
OBJECTS: dict[str, JsonObject] = {
    "/crm/v3/objects/tickets/5012": TICKET,
    "/crm/v3/objects/companies/99": {"id": "99", "properties": {"name": "Acme", "domain": "acme.example"}},
}


def ticket_created(occurred_at: Instant, now: Instant, number: int = 5012) -> tuple[bytes, dict[str, str]]:
    """The body of the webhook and its headers, signed as HubSpot signs."""
    item: dict[str, Any] = {"eventId": number, "subscriptionId": 51, "portalId": 62515, "occurredAt": occurred_at // 1000}
    item |= {"subscriptionType": "ticket.creation", "attemptNumber": 0, "objectId": number}
    body, moment = json.dumps([item]).encode(), str(now // 1000)
    mac = hmac.new(SECRET.encode(), b"POST" + URL.encode() + body + moment.encode(), hashlib.sha256)
    signature = base64.b64encode(mac.digest()).decode()
    return body, {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": moment}

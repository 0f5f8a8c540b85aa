"""The task list in our own database, shown by `successplays tasks` and the console. Destination `inbox` always exists.

    do:
      - task: {to: inbox, title: "Call {{ account.name }}"}

There is nothing to send: the task is written in the same transaction that finishes the delivery, so it can be neither lost nor
doubled.
"""

from services.actions.connectors.contract import DestinationSettings, Outgoing
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, Outcome

ACCEPTS = frozenset({"task"})


class Settings(DestinationSettings):
    """It has none of its own."""


async def send(outgoing: Outgoing, _settings: Settings, _http: Http) -> Outcome:
    """Nothing leaves the house."""
    return Delivered(external_id=outgoing.delivery_id)

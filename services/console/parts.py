"""What the console is made of: put together once, by whoever starts it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from services.console.checked import Check
from services.console.explained import Explain
from services.console.outbox import Publisher
from shared.clock import Clock
from shared.key_ring import KeyRing
from shared.log.contract import Log


@dataclass(frozen=True, slots=True)
class Parts:
    """The boundaries of the console. `secret` is the deployment's: keys are kept as HMACs with it."""

    database: AsyncEngine
    log: Log
    check: Check
    explain: Explain
    clock: Clock
    keys: KeyRing
    secret: bytes
    publisher: Publisher


def parts_of(request: Request) -> Parts:
    """The parts of the app that answers this request."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


Given = Annotated[Parts, Depends(parts_of)]

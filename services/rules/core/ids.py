"""Ids made from their cause, and shares made from a hash: the same on every machine, at every time."""

from hashlib import blake2b, sha1
from uuid import UUID

from shared.instants import Instant
from shared.records import Event

# UUIDv5 names below this namespace are the project's own.
NAMESPACE = UUID("6b0f6d8e-4c0b-5f0e-9d5e-7a3c5c1b2a10")
_BELOW = NAMESPACE.bytes


def cause_of(event: Event | None, at: Instant) -> str:
    """The event (source, id) at which an edge rose, else the deadline."""
    return f"event\x1f{event.source}\x1f{event.id}" if event is not None else f"deadline\x1f{at}"


def run_id(play: str, account_id: str, kind: str, subject: str, cause: str) -> str:
    """A run is named by its play, its subject (an account's, a user or a value in it) and its cause."""
    return _uuid5(f"run\x1e{play}\x1e{account_id}\x1e{kind}\x1e{subject}\x1e{cause}")


def decision_id(play: str, account_id: str, kind: str, subject: str, cause: str, reason: str) -> str:
    """A decision likewise, and by its reason."""
    return _uuid5(f"decision\x1e{play}\x1e{account_id}\x1e{kind}\x1e{subject}\x1e{cause}\x1e{reason}")


def share_of(purpose: str, play: str, account_id: str, subject: str) -> float:
    """A number in [0, 1) that is this subject's for ever: below the rollout it is in, below the holdout it is held out."""
    digest = blake2b(f"{purpose}\x1e{play}\x1e{account_id}\x1e{subject}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


def _uuid5(name: str) -> str:
    """RFC 9562's UUIDv5 as text: what `str(uuid.uuid5(NAMESPACE, name))` gives, in a third of the time."""
    digest = sha1(_BELOW + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"

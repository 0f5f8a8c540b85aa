"""The signatures under vendors' webhooks: HMACs over raw bytes, compared in constant time, with any of several secrets.

Nothing here raises: a header that is missing, malformed or not ASCII is a signature that is not right.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from shared.instants import SECOND, Instant, Microseconds

# As the libraries of Standard Webhooks and Stripe have it.
TOLERANCE: Microseconds = 300 * SECOND


def signed_base64(given: str | None, content: bytes, secrets: Sequence[bytes], algorithm: str = "sha256") -> bool:
    """Whether `given` is the base64 HMAC of `content` under one of the secrets."""
    return any_signed_base64([given], content, secrets, algorithm)


def any_signed_base64(given: Sequence[str | None], content: bytes, secrets: Sequence[bytes], algorithm: str = "sha256") -> bool:
    """Whether one of `given`, however many, is the base64 HMAC of `content` under one of the secrets."""
    expected = [base64.b64encode(_mac(secret, content, algorithm)) for secret in secrets]
    return sum(_among(each, expected) for each in given) > 0


def signed_hex(given: str | None, content: bytes, secrets: Sequence[bytes], algorithm: str = "sha256") -> bool:
    """Whether `given` is the hexadecimal HMAC of `content` under one of the secrets; its letters may be of either case."""
    return any_signed_hex([given], content, secrets, algorithm)


def any_signed_hex(given: Sequence[str | None], content: bytes, secrets: Sequence[bytes], algorithm: str = "sha256") -> bool:
    """Whether one of `given`, however many, is the hexadecimal HMAC of `content` under one of the secrets."""
    expected = [_mac(secret, content, algorithm).hex().encode() for secret in secrets]
    return sum(_among(None if each is None else each.lower(), expected) for each in given) > 0


def same_secret(given: str | None, secrets: Sequence[bytes]) -> bool:
    """Whether `given` is one of the secrets."""
    return _among(given, secrets)


def within_tolerance(given: str | None, unit: Microseconds, now: Instant, tolerance: Microseconds = TOLERANCE) -> bool:
    """Whether `given`, a whole number of `unit` since 1970, is at most `tolerance` away from now, before or after."""
    if given is None or not given.isascii() or not given.isdecimal() or len(given) > 16:
        return False
    return abs(int(given) * unit - now) <= tolerance


def _mac(secret: bytes, content: bytes, algorithm: str) -> bytes:
    return hmac.new(secret, content, getattr(hashlib, algorithm)).digest()


def _among(given: str | None, expected: Sequence[bytes]) -> bool:
    """Every one is compared, so that the time says nothing about which was right."""
    # Headers come as latin-1; what is not ASCII is no signature, and must not raise.
    presented = b"" if given is None else given.encode("latin-1", "replace")
    return sum(hmac.compare_digest(presented, each) for each in expected if each) > 0

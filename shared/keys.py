"""API keys: how one looks, what its holder may do, and the secret under which its hash is kept. No clock, no chance in here.

    sp_write_2dKXk0r7vQm4Zt9yHs1LbNc8WpE2FgJ01ab3z
    -- kind  - 160 bits of chance ------ checksum

The checksum (CRC-32, as in GitHub's and Polar's keys) lets a scanner, or us, see a mistyped key without a look-up. Only a hash
keyed with the deployment's secret is stored: whoever reads the database can neither use a key nor test a guess, and as keys are
found by that hash, no comparison takes longer the more of a key was guessed.
"""

import hashlib
import hmac
import os
import re
import secrets
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from shared.instants import Instant
from shared.settings import Settings

Chance = Callable[[int], bytes]

# What a key of each kind may do. `write` sends events, `read` looks, `apply` changes plays, `run` starts those that are manual,
# `admin` does all of it.
SCOPES: dict[str, tuple[str, ...]] = {
    "write": ("write",),
    "read": ("read",),
    "apply": ("apply", "read"),
    "run": ("run",),
    "admin": ("admin", "apply", "read", "run", "write"),
}

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY, _SUM = 27, 6
_KEY = re.compile(rf"sp_({'|'.join(SCOPES)})_([0-9A-Za-z]{{{_BODY}}})([0-9A-Za-z]{{{_SUM}}})")
_PATTERN = re.compile(r"\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?")

# As browsers write it in `Origin`: in lower case, without a path, https but on the developer's own machine.
_ORIGIN = re.compile(r"(https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http://(localhost|127\.0\.0\.1|\[::1\]))(:[1-9][0-9]{0,4})?")


class KeyInvalid(ValueError):
    """A key cannot be made as asked; the message says what is allowed."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key, which is everything but the key.

    `source` names the events that come in with it. `events` limits it to names (`ticket.created`) and beginnings (`ticket.*`);
    None is every name. `traits` names the traits that it may tell, None is all; with none at all it may not tell either who
    belongs to which account. `origins` are the web pages that may use it: only a browser's key has any. `prefix` is what people
    see.
    """

    key_id: str
    prefix: str
    scopes: tuple[str, ...]
    source: str = "api"
    events: tuple[str, ...] | None = None
    traits: tuple[str, ...] | None = None
    origins: tuple[str, ...] = ()
    created_at: Instant = 0
    revoked_at: Instant | None = None

    def may(self, scope: str) -> bool:
        """Whether its holder may do this: write, read, apply, run or admin."""
        # Also of a kind that is younger than the key.
        return scope in self.scopes or "admin" in self.scopes

    def may_send(self, name: str) -> bool:
        """Whether it may send events of this name."""
        if self.events is None:
            return True
        return any(name == allowed or (allowed.endswith("*") and name.startswith(allowed[:-1])) for allowed in self.events)

    @property
    def may_tell_identity(self) -> bool:
        """Whether it may tell who belongs to which account, and any traits."""
        return self.traits != ()

    def may_tell(self, trait: str) -> bool:
        """Whether it may tell this trait."""
        return self.traits is None or trait in self.traits


def make_key(
    kind: str,
    *,
    now: Instant,
    source: str = "api",
    events: Sequence[str] | None = None,
    traits: Sequence[str] | None = None,
    origins: Sequence[str] = (),
    chance: Chance = secrets.token_bytes,
) -> tuple[str, ApiKey]:
    """A new key, to be shown once, and what to keep of it (beside `hash_key` of the key).

    With `origins` it is a browser's key: anybody can read it, so it may do nothing but send events, and tells no traits.

    Raises KeyInvalid: no such kind, no source, a pattern that could match no event's name, no trait's name, no origin.
    """
    if kind not in SCOPES:
        raise KeyInvalid(f"there are no keys of kind {kind!r}: use {', '.join(SCOPES)}")
    if not source or len(source) > 100:
        raise KeyInvalid("a key's source has between 1 and 100 characters")
    for pattern in events or ():
        if _PATTERN.fullmatch(pattern) is None:
            raise KeyInvalid(
                f"{pattern!r} matches no event: write a name such as ticket.created, or a beginning such as ticket.*"
            )
    if any(not trait or len(trait) > 100 for trait in traits or ()):
        raise KeyInvalid("the name of a trait has between 1 and 100 characters")
    if origins:
        _require_browser(kind, traits, origins)
        traits = ()
    opening = f"sp_{kind}_{_base62(chance(20), _BODY)}"
    text = opening + _checksum(opening)
    known = ApiKey(
        key_id=f"key_{_base62(chance(10), 14)}",
        prefix=text[: len(kind) + 8],
        scopes=SCOPES[kind],
        source=source,
        events=None if events is None else tuple(events),
        traits=None if traits is None else tuple(traits),
        origins=tuple(origins),
        created_at=now,
    )
    return text, known


def _require_browser(kind: str, traits: Sequence[str] | None, origins: Sequence[str]) -> None:
    if kind != "write":
        raise KeyInvalid(f"a browser's key is there for all to read: it may only send events, so it is of kind write, not {kind}")
    if traits:
        raise KeyInvalid("a browser's key tells no traits: anybody could make them up")
    for origin in origins:
        if _ORIGIN.fullmatch(origin) is None:
            raise KeyInvalid(f"{origin!r} is no origin: write it as browsers send it, such as https://app.acme.example")


def given_key(kind: str, *, source: str = "api") -> ApiKey:
    """What is known of a key that the deployment was given, such as SUCCESSPLAYS_WRITE_KEY. It is in no database."""
    return ApiKey(key_id=f"given_{kind}", prefix="(given)", scopes=SCOPES[kind], source=source)


def well_formed(text: str) -> bool:
    """Whether this could be a key that `make_key` made: its form and its checksum are right."""
    found = _KEY.fullmatch(text)
    return found is not None and hmac.compare_digest(_checksum(text[:-_SUM]), found[3])


def hash_key(text: str, secret: bytes) -> bytes:
    """The 32 bytes under which a key is kept and found: HMAC-SHA256. Any text has one; it need not be a key."""
    return hmac.digest(secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256)


def read_secret(settings: Settings) -> bytes:
    """The deployment's secret: SUCCESSPLAYS_SECRET, else the file `secret` in the data folder, made at first use (mode 0600).

    All processes that check or make keys need the same one. Raises OSError when the file can be neither read nor made.
    """
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    path = settings.data / "secret"
    if not path.exists():
        _write_once(path, secrets.token_hex(32).encode())
    return path.read_bytes().strip()


def _write_once(path: Path, content: bytes) -> None:
    # Written whole beside its place, then linked there: of two processes that start together one wins, and nobody reads half.
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(beside)
    except FileExistsError:
        return  # another process was first: its secret is the one
    finally:
        beside.unlink()


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()).to_bytes(4, "big"), _SUM)


def _base62(data: bytes, width: int) -> str:
    number = int.from_bytes(data, "big")
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))

"""What vendors write in many ways, as we keep it. None is what is not what it should be: it stays in the vendor's object."""

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from shared.aliases import AliasInvalid, means_nobody, read_alias
from shared.instants import SECOND, Instant, parse_instant, show_instant
from shared.records import JsonObject, encode

MILLISECOND = SECOND // 1000

# The last second of the year 9999, after which ISO 8601 has no words.
_LAST = 253_402_300_799 * SECOND
_LONGEST_ID = 200
# `+0000`, `+0100`: an offset that ISO 8601 writes with a colon.
_BARE_OFFSET = re.compile(r"([+-]\d{2})(\d{2})$")
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def text_of(found: Any) -> str | None:
    """A text, or a whole number as text: an id, a name, a word."""
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        return None
    return str(found).strip() or None


def email_of(found: Any) -> str | None:
    """An e-mail address in lower case, also out of `Ana Berg <ana@acme.example>`."""
    address = _EMAIL.search(found) if isinstance(found, str) else None
    return None if address is None else address[0].lower()


def domain_of(found: Any) -> str | None:
    """A company's domain, also out of its web address."""
    if not isinstance(found, str):
        return None
    host = found.strip().lower().partition("://")[2] or found.strip().lower()
    domain = re.split(r"[/?#:]", host, maxsplit=1)[0].removeprefix("www.")
    return domain if _DOMAIN.fullmatch(domain) else None


def number_of(found: Any) -> int | float | None:
    """A number, also one that is written as text."""
    if isinstance(found, str) and _NUMBER.fullmatch(found.strip()):
        return float(found) if "." in found else int(found)
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    return found if math.isfinite(found) else None


def truth_of(found: Any) -> bool | None:
    """True or false, also as text."""
    if isinstance(found, str):
        return {"true": True, "false": False}.get(found.strip().lower())
    return found if isinstance(found, bool) else None


def moment_of(found: Any, unit: int = SECOND) -> Instant | None:
    """An instant: ISO 8601, or a number of `unit` since 1970; None before 1970, and after what people write."""
    if isinstance(found, str) and not _NUMBER.fullmatch(found):
        instant = _written(found)
    else:
        counted = number_of(found)
        instant = None if counted is None or abs(counted) > _LAST else round(counted * unit)
    return instant if instant is not None and 0 <= instant <= _LAST else None


def date_of(found: Any) -> str | None:
    """A day or an instant in ISO 8601, also of seconds or milliseconds since 1970."""
    number = number_of(found)
    if number is None:
        written = text_of(found)
        return None if written is None or _written(written) is None else written
    # In seconds that would be after the year 5000.
    instant = moment_of(number, MILLISECOND if number >= 10**11 else SECOND)
    return None if instant is None else show_instant(instant)


def _written(text: str) -> Instant | None:
    try:
        return parse_instant(_BARE_OFFSET.sub(r"\1:\2", text.strip()))
    except (ValueError, OverflowError):
        return None


def kept(found: JsonObject, readers: Mapping[str, Callable[[Any], Any]]) -> JsonObject:
    """Words with a reader are read by it and left out where that finds nothing; the others stay as they are."""
    read = {word: readers[word](value) if word in readers else value for word, value in found.items()}
    return {word: value for word, value in read.items() if value is not None}


def traits_of(found: JsonObject) -> JsonObject:
    """Traits: texts, numbers, true or false. Of those that we know, numbers and dates are such however the vendor writes them."""
    read = kept(found, _TRAITS)
    return {word: value for word, value in read.items() if isinstance(value, (str, int, float, bool)) and value != ""}


_TRAITS = {
    **dict.fromkeys(("mrr", "seats"), number_of),
    **dict.fromkeys(("renewal_date", "contract_start"), date_of),
    "domain": domain_of,
}


def digest(*parts: Any) -> str:
    """An id for what its vendor gave none: the same for the same parts, and only for these."""
    return hashlib.sha256(encode(parts)).hexdigest()[:32]


def id_of(found: Any, *otherwise: Any) -> str:
    """The vendor's own id of an event; where there is none that can be kept, a digest of what makes it the event that it is."""
    own = text_of(found)
    return own if own is not None and len(own) <= _LONGEST_ID else digest(found, *otherwise)


def aliases(**found: Any) -> tuple[str, ...]:
    """Whom an event is about: `aliases(zendesk_org=99, email="ana@acme.example")` are `zendesk:org:99` and the address, in order.

    What is no id, no address and no domain is left out, and so are free-mail providers' domains and 0, by which some say that
    there is none.
    """
    readers = {"email": email_of, "domain": domain_of}
    read = [(kind, readers.get(kind, text_of)(value)) for kind, value in found.items()]
    valid = [_alias(f"{kind.replace('_', ':')}:{value}") for kind, value in read if value is not None and value != "0"]
    return tuple(alias for alias in valid if alias is not None)


def _alias(text: str) -> str | None:
    try:
        alias = read_alias(text)
    except AliasInvalid:
        return None
    return None if means_nobody(alias) else alias

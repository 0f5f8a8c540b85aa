"""The body of a request: read no further than it may be long, unpacked no further either.

A body that says it is too long is refused before a byte of it is read; one that does not say (chunked), or that grows while it
is unpacked (gzip), as soon as it has become too long. How long it may take is the server's to watch (`protocol`), which needs no
timer for a body that comes whole; it ends the others in time, and says why in the scope.
"""

import zlib

from starlette.requests import ClientDisconnect, Request

from services.ingest.errors import Problem

# A kB is 1,024 bytes: Segment's SDKs count so, and fill a batch to just under 500 of these.
LARGEST_EVENT = 32 * 1024
LARGEST_BODY = 500 * 1024
MOST_EVENTS = 2_500
# Characters of an id, of ours or of a foreign system.
LONGEST_ID = 256
# Keys in all objects of an event together.
MOST_PROPERTIES = 1_000
SECONDS_TO_SEND = 30.0

# In the scope of a request: why the server has ended its body.
CUT = "successplays.cut"
TOO_SLOW, TOO_MUCH = "too_slow", "too_much"

JSON = "application/json"
NDJSON = "application/x-ndjson"


def content_type(request: Request, allowed: tuple[str, ...]) -> str:
    """What the body is; without a Content-Type the first of those allowed.

    Raises Problem 415: something else, or JSON in another encoding than UTF-8.
    """
    given = request.headers.get("content-type")
    if not given:
        return allowed[0]
    kind, _, parameters = given.partition(";")
    charset = parameters.lower().partition("charset=")[2].strip().strip('"')
    if kind.strip().lower() not in allowed or charset not in ("", "utf-8", "utf8"):
        raise Problem(415, "unsupported_media_type", f"Content-Type is {given[:100]!r}; send {' or '.join(allowed)}, in UTF-8")
    return kind.strip().lower()


async def read_body(request: Request, limit: int = LARGEST_BODY) -> bytes:
    """The body, unpacked, of at most `limit` bytes.

    Raises Problem: 413 longer than the limit, packed or not; 415 packed in another way than gzip; 400 not gzip after all, or
    cut short; 408 not there after 30 s; 503 too much is being received already.
    """
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("identity", "gzip", "x-gzip"):
        raise Problem(415, "unsupported_encoding", f"Content-Encoding is {packed[:100]!r}; send gzip or none")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise _too_large(limit)
    try:
        body = await _read(request, limit)
    except ClientDisconnect:
        raise Problem(400, "cut_short", "the connection ended before the body did") from None
    if CUT in request.scope:
        raise _cut(request.scope[CUT])
    return body if packed == "identity" else _unpacked(body, limit)


async def _read(request: Request, limit: int) -> bytes:
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _unpacked(packed: bytes, limit: int) -> bytes:
    gzip = zlib.decompressobj(wbits=31)
    try:
        body = gzip.decompress(packed, limit + 1)
    except zlib.error as error:
        raise Problem(400, "not_gzip", f"Content-Encoding says gzip, but the body cannot be unpacked: {error}") from error
    if len(body) > limit:
        raise _too_large(limit)
    if not gzip.eof or gzip.unused_data:
        raise Problem(400, "not_gzip", "Content-Encoding says gzip, but the body does not end where gzip ends")
    return body


def _cut(why: str) -> Problem:
    if why == TOO_SLOW:
        detail = f"the body was not there after {SECONDS_TO_SEND:.0f} s"
        return Problem(408, "too_slow", detail, headers={"Connection": "close"})
    detail = "too much is being received: send it again later"
    return Problem(503, "overloaded", detail, headers={"Retry-After": "1", "Connection": "close"})


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"a request has at most {limit:,} bytes: send fewer events at a time")

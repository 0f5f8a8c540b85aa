"""Bodies that are nearly what a sender sends: its own examples, with something changed in them."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

# Enough to reach every branch of a short parser; whoever hunts tries thousands.
USUALLY = 100

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(
        ["", "0", "-1", "x" * 300, "a@b.example", "2026-03-01T09:00:00Z", "9999-12-31T23:59:59Z", 10**18, 1e300, "é\0"]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=5
)
_PIECES = st.sampled_from(
    [
        b"",
        b"\0",
        b"\xff",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"\\u0000",
        b"\\ud800",
        b"NaN",
        b"1e999",
        b"9" * 400,
        b"<",
        b"&x;",
        b"%",
        b"&",
    ]
) | st.binary(max_size=4)


def usual(number: int = USUALLY) -> settings:
    """The same ones in every run, unless somebody hunts for others."""
    if settings.get_current_profile_name() == "hunt":
        return settings.get_profile("hunt")
    return settings(
        max_examples=number,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        # How many drafts schemathesis throws away says nothing about us.
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def bodies(draw: st.DrawFn, examples: Sequence[bytes]) -> bytes:
    """One of the examples with its values changed, or its bytes, or both."""
    body = draw(st.sampled_from(list(examples)))
    if draw(st.booleans()) and (value := _read(body)) is not None:
        for _ in range(draw(st.integers(1, 3))):
            value = draw(changed(value))
        body = json.dumps(value).encode()
        if draw(st.booleans()):
            return body
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(body)))
        end = draw(st.integers(begin, min(len(body), begin + 8)))
        body = body[:begin] + draw(_PIECES) + body[end:]
    return body


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with one thing in it replaced, left out, doubled or put under another name."""
    if isinstance(value, (dict, list)) and value and draw(st.integers(0, 9)):
        within = draw(st.sampled_from(list(value) if isinstance(value, dict) else list(range(len(value)))))
        copy: Any = dict(value) if isinstance(value, dict) else list(value)
        what = draw(st.integers(0, 9))
        if what == 0:
            copy.pop(within)
        elif what == 1 and isinstance(copy, list):
            copy.append(copy[within])
        elif what == 1:
            copy[draw(st.text(max_size=6))] = copy[within]
        else:
            copy[within] = draw(changed(copy[within]))
        return copy
    return draw(VALUES)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None

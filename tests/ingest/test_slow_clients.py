"""Clients that are slow, or never end: each is ended in its time, and hears why where there is somebody to hear it."""

import json
import socket
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.app import create_app
from services.ingest.http.protocol import Patience
from shared.clock import wall_clock
from tests.ingest.conftest import KEY, RememberedJournal, key_with, ring
from tests.ingest.serving import served
from tests.ingest.test_limits import EVENT, answered, head

SOON = Patience(head=0.5, body=0.5, answer=0.5, received=100_000)
# Longer than any of these, and shorter than a test may take.
MUCH_LATER = 10.0


@pytest.fixture
def port(journal: RememberedJournal) -> Iterator[int]:
    with served(lambda: create_app(journal, ring((KEY, key_with())), wall_clock, CollectorRegistry()), SOON) as port:
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=MUCH_LATER)


def dripped(connection: socket.socket, drip: bytes) -> bytes:
    """What was answered while a byte came every now and then, until the other side closed."""
    connection.settimeout(0.1)
    began, told = time.monotonic(), b""
    while time.monotonic() - began < MUCH_LATER:
        try:
            connection.sendall(drip)
        except ConnectionError:
            return told
        try:
            part = connection.recv(65536)
        except TimeoutError:
            continue
        except ConnectionError:
            return told
        if not part:
            return told
        told += part
    raise AssertionError("nobody ended it")


def test_who_never_says_anything_is_left(port: int) -> None:
    with connected(port) as connection:
        assert connection.recv(1) == b""


def test_a_head_that_drips_is_ended(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"POST /v1/events HTTP/1.1\r\n")
        assert dripped(connection, b"X-Slow: yes\r\n").startswith(b"HTTP/1.1 408 ")


def test_so_is_the_next_head_on_the_same_connection(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(head(f"Content-Length: {len(EVENT)}") + EVENT + b"POST /v1/events HTTP/1.1\r\n")
        assert answered(connection)[0] == 202
        assert dripped(connection, b"X-Slow: yes\r\n").startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("length", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_a_body_that_drips_is_told_so_and_ended(port: int, journal: RememberedJournal, length: str) -> None:
    with connected(port) as connection:
        connection.sendall(head(length))
        told = dripped(connection, b"1\r\n[\r\n" if "chunked" in length else b"[")
    top, _, body = told.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 408 ")
    assert (b"application/problem+json" in top, json.loads(body)["code"]) == (True, "too_slow")
    assert journal.appends == []


def test_a_body_that_never_comes_is_too(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(head("Content-Length: 10"))
        assert answered(connection)[0] == 408
        assert connection.recv(1) == b""


def test_what_drips_on_after_its_answer_is_cut_off(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(head("Content-Length: 600000"))
        assert answered(connection)[0] == 413
        assert dripped(connection, b" ") == b""


def test_an_answer_that_nobody_takes_is_dropped(port: int) -> None:
    bad = b"[" + b",".join([b'{"nonsense":1}'] * 2500) + b"]"
    with connected(port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):
            send_for_ever(connection, head(f"Content-Length: {len(bad)}") + bad)


def send_for_ever(connection: socket.socket, request: bytes) -> None:
    while True:
        connection.sendall(request)


def test_a_connection_may_rest_between_requests_for_longer_than_a_request_may_take(port: int) -> None:
    with connected(port) as connection:
        for _ in range(2):
            connection.sendall(head(f"Content-Length: {len(EVENT)}") + EVENT)
            assert answered(connection)[0] == 202
            assert not connection_ended(connection, within=2 * SOON.head)


def connection_ended(connection: socket.socket, within: float) -> bool:
    connection.settimeout(within)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        connection.settimeout(MUCH_LATER)
        return False


def test_many_bodies_together_are_not_kept(port: int, journal: RememberedJournal) -> None:
    """Each is within its bounds; the one with which they are too many is told so, and afterwards there is room again."""
    body = EVENT.ljust(40_000)
    with connected(port) as one, connected(port) as two, connected(port) as three:
        for connection in (one, two):
            connection.sendall(head(f"Content-Length: {len(body)}") + body[:-1])
        three.sendall(head(f"Content-Length: {len(body)}") + body[:-1])
        status, told = answered(three)
        assert (status, json.loads(told)["code"]) == (503, "overloaded")
        assert {answered(connection)[0] for connection in (one, two)} == {408}
    with connected(port) as again:
        again.sendall(head(f"Content-Length: {len(EVENT)}") + EVENT)
        assert answered(again)[0] == 202
    assert len(journal.events) == 1

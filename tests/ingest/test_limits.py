"""What reaches a real server before an app has a say: bodies without end, bombs, headers by the million."""

import contextlib
import gzip
import socket
import zlib
from collections.abc import Iterator

import psutil
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.app import create_app
from services.ingest.http.protocol import LARGEST_HEAD, MOST_THROWN_AWAY
from shared.clock import wall_clock
from tests.ingest.conftest import KEY, RememberedJournal, key_with, ring
from tests.ingest.serving import served

EVENT = b'{"name":"a.b","account_id":"acme"}'
MB = 1024 * 1024


@pytest.fixture
def port(journal: RememberedJournal) -> Iterator[int]:
    with served(lambda: create_app(journal, ring((KEY, key_with())), wall_clock, CollectorRegistry())) as port:
        yield port


def head(*headers: str, key: str = KEY) -> bytes:
    lines = ["POST /v1/events HTTP/1.1", "Host: ingest", f"Authorization: Bearer {key}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def answered(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the body of the next answer."""
    file = connection.makefile("rb")
    status = int(file.readline().split()[1])
    length = 0
    while (line := file.readline().strip()) != b"":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, file.read(length)


def ask(port: int, *parts: bytes) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        return answered(connection)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_body_that_says_it_is_too_long_is_refused_before_it_is_sent(port: int) -> None:
    status, body = ask(port, head("Content-Length: 512001"))
    assert (status, b"too_large" in body) == (413, True)
    assert ask(port, head("Content-Length: 512001", "Expect: 100-continue"))[0] == 413
    assert ask(port, head(f"Content-Length: {'9' * 30}"))[0] in (400, 413)


def test_a_body_that_does_not_say_is_refused_when_it_has_become_too_long(port: int) -> None:
    assert ask(port, head("Transfer-Encoding: chunked"), chunk(b" " * 512_000), chunk(b" "))[0] == 413


def test_a_body_in_chunks_is_taken(port: int, journal: RememberedJournal) -> None:
    assert ask(port, head("Transfer-Encoding: chunked"), *(chunk(bytes([byte])) for byte in EVENT), chunk(b""))[0] == 202
    assert len(journal.events) == 1


def test_a_connection_goes_on_after_a_body_that_was_too_long(port: int, journal: RememberedJournal) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head("Content-Length: 600000") + b" " * 600_000)
        assert answered(connection)[0] == 413
        connection.sendall(head(f"Content-Length: {len(EVENT)}") + EVENT)
        assert answered(connection)[0] == 202


def test_a_body_without_end_is_cut_off(port: int) -> None:
    sent, most = 0, 8 * MOST_THROWN_AWAY
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(head("Transfer-Encoding: chunked"))
        while sent < most:
            connection.sendall(chunk(b" " * MB))
            sent += MB
    assert MOST_THROWN_AWAY <= sent < most


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * MB) for _ in range(megabytes)) + packer.flush()


def test_a_gzip_bomb_is_not_unpacked(port: int) -> None:
    packed = bomb(400)
    assert len(packed) < 500_000
    process = psutil.Process()
    before = process.memory_info().rss
    for _ in range(5):
        status, body = ask(port, head("Content-Encoding: gzip", f"Content-Length: {len(packed)}"), packed)
        assert (status, b"too_large" in body) == (413, True)
    assert process.memory_info().rss - before < 20 * MB


def test_gzip_up_to_the_limit_is_unpacked(port: int, journal: RememberedJournal) -> None:
    for size, status in ((512_000, 202), (512_001, 413)):
        packed = gzip.compress(b"[" + EVENT + b"]".rjust(size - 1 - len(EVENT)))
        assert ask(port, head("Content-Encoding: gzip", f"Content-Length: {len(packed)}"), packed)[0] == status
    assert len(journal.events) == 1


def test_a_million_headers_are_not_kept(port: int) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST /v1/events HTTP/1.1\r\nHost: ingest\r\n")
        try:
            for _ in range(1000):
                connection.sendall(b"X-Header: yes\r\n" * 1000)
            status = answered(connection)[0]
        except ConnectionError:
            status = 400  # cut off while still sending
    assert status == 400
    assert process.memory_info().rss - before < 20 * MB


def test_headers_of_some_size_are_fine(port: int) -> None:
    assert ask(port, head(f"Content-Length: {len(EVENT)}", f"X-Large: {'x' * 30_000}"), EVENT)[0] == 202
    assert ask(port, head(f"Content-Length: {len(EVENT)}", f"X-Large: {'x' * LARGEST_HEAD}"), EVENT)[0] == 400


def test_without_a_key_the_body_is_not_waited_for(port: int) -> None:
    assert ask(port, head("Content-Length: 1000", key="nobody's"))[0] == 401


def test_an_answer_without_a_body_arrives_too(port: int) -> None:
    for asked, status in (("HEAD /livez", 405), ("OPTIONS /v1/events", 403), ("GET /livez", 200), ("HEAD /nothing", 404)):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"{asked} HTTP/1.1\r\nHost: ingest\r\n\r\n".encode())
            assert int(connection.makefile("rb").readline().split()[1]) == status


def test_who_waits_to_be_told_to_go_on_is_told(port: int, journal: RememberedJournal) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head(f"Content-Length: {len(EVENT)}", "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(EVENT)
        assert answered(connection)[0] == 202
    assert len(journal.events) == 1

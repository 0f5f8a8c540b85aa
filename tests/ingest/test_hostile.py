"""Bodies that mean no good, on a process of its own: each is a clear 4xx, none reaches the log, and the process does not grow."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import psutil
import pytest

from services.ingest.http.body import LARGEST_BODY, LARGEST_EVENT
from tests.ingest.test_serve import answer_of, ingest

pytestmark = pytest.mark.slow

MB = 1024 * 1024
GOOD = b'{"id":"good","name":"a.b","account_id":"acme"}'
# What one event holds, and what is said of it: the code, and where.
ITEMS = {
    "NaN": (b'{"name":"a.b","account_id":"acme","properties":{"x":[1,NaN]}}', "not_a_number", "/properties/x/1"),
    "1e999": (b'{"name":"a.b","account_id":"acme","properties":{"x":1e999}}', "number_out_of_range", "/properties/x"),
    "5,000 digits": (b'{"name":"a.b","account_id":"acme","seq":' + b"9" * 5000 + b"}", "number_out_of_range", "/seq"),
    "5,000 digits after the point": (
        b'{"name":"a.b","account_id":"acme","properties":{"x":1.' + b"1" * 5000 + b"}}",
        "number_out_of_range",
        "/properties/x",
    ),
    "depth 5,000": (b'{"name":"a.b","x":' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep", "/x" + "/0" * 31),
    "a key twice": (b'{"name":"a.b","account_id":"acme","properties":{"x":1,"x":2}}', "duplicate_key", "/properties/x"),
    "half a surrogate pair": (b'{"name":"a.b","account_id":"\\ud800"}', "bad_text", "/account_id"),
    "U+0000": (b'{"name":"a.b","account_id":"a\\u0000b"}', "bad_text", "/account_id"),
    "not UTF-8": (b'{"name":"a.b","account_id":"\xff"}', "not_utf8", ""),
    "many properties": (b"{%b}" % b",".join(b'"p%d":1' % number for number in range(2000)), "too_many_properties", "/p1000"),
    "a large event": (b'{"name":"a.b","x":"%b"}' % (b"x" * LARGEST_EVENT), "too_large", ""),
    "null": (b"null", "not_an_object", ""),
    "text": (b'"text"', "not_an_object", ""),
}
# Whole bodies, and the answer.
BODIES = {
    "null": (b"null", {}, 400, "not_an_object"),
    "text": (b'"text"', {}, 400, "not_an_object"),
    "BOM": (b"\xef\xbb\xbf" + GOOD, {}, 400, "malformed"),
    "brackets": (b"[" * 400_000, {}, 400, "too_deep"),
    "500 kB and a byte": (b" " * (LARGEST_BODY + 1), {}, 413, "too_large"),
    "2,501 events": (b"[" + b",".join([b'{"a":1}'] * 2501) + b"]", {}, 413, "too_many"),
    "a bomb of 400 MB": (None, {"Content-Encoding": "gzip"}, 413, "too_large"),
    "a bomb of 1 GB": (None, {"Content-Encoding": "gzip"}, 413, "too_large"),
    "bombs in each other": (None, {"Content-Encoding": "gzip"}, 400, "not_utf8"),
}


class Served(NamedTuple):
    process: psutil.Process
    client: httpx.Client

    def stored(self) -> float:
        """How many events the log has of this process."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("successplays_ingest_accepted_total{"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with ingest(tmp_path_factory.mktemp("hostile")) as (process, client):
        answer_of(client, "/readyz", 200)
        yield Served(psutil.Process(process.pid), client)


def bomb(megabytes: int) -> bytes:
    """A gzip stream without its end: one block of a megabyte again and again, which takes no time to make."""
    packer = zlib.compressobj(9, wbits=31)
    begin = packer.compress(b" " * MB) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(b" " * MB) + packer.flush(zlib.Z_FULL_FLUSH)
    return begin + again * (megabytes - 1)


def body_of(name: str) -> bytes:
    given = BODIES[name][0]
    if given is not None:
        return given
    if name == "bombs in each other":
        return gzip.compress(gzip.compress(b" " * MB))
    return bomb(1000 if "GB" in name else 400)


@pytest.mark.parametrize("name", ITEMS)
def test_an_event_is_refused_with_its_place_and_the_others_are_stored(served: Served, name: str) -> None:
    bad, code, pointer = ITEMS[name]
    before = served.stored()
    headers = {"Content-Type": "application/json"}
    answer = served.client.post("/v1/events", content=b"[" + GOOD + b"," + bad + b"," + GOOD + b"]", headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    (refused,) = answer.json()["refused"]
    assert (refused["index"], refused["code"], refused["pointer"]) == (1, code, pointer)
    alone = served.client.post("/v1/events", content=b"[" + bad + b"]", headers=headers)
    assert (alone.status_code, alone.json()["accepted"]) == (400, 0)
    segment = served.client.post("/v1/batch", content=b'{"batch":[' + bad + b"]}", headers=headers)
    assert (segment.status_code, segment.json()["success"]) == (400, False)
    assert served.stored() == before + 2


@pytest.mark.parametrize("name", BODIES)
def test_a_whole_body_is_refused(served: Served, name: str) -> None:
    _, headers, status, code = BODIES[name]
    before = served.stored()
    headers = {"Content-Type": "application/json", **headers}
    answer = served.client.post("/v1/events", content=body_of(name), headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.headers["content-type"]) == (
        status,
        code,
        "application/problem+json",
    )
    segment = served.client.post("/v1/batch", content=body_of(name), headers=headers)
    assert segment.status_code in (400, 413)
    assert served.stored() == before


def test_the_process_does_not_grow(served: Served) -> None:
    whole = [(body_of(name), headers) for name, (_, headers, _, _) in BODIES.items()]
    everything = [*whole, *((b"[" + bad + b"]", {}) for bad, _, _ in ITEMS.values())]

    def send_everything(times: int) -> None:
        for _ in range(times):
            for body, headers in everything:
                answer = served.client.post("/v1/events", content=body, headers={"Content-Type": "application/json", **headers})
                assert 400 <= answer.status_code < 500
                assert json.loads(answer.content)["accepted"] == 0

    send_everything(2)
    before = served.process.memory_info().rss
    send_everything(10)
    assert served.process.memory_info().rss - before < 20 * MB

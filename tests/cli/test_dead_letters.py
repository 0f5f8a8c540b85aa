"""`dead-letters redrive --all`."""

import httpx

from services.cli.api import Api
from services.cli.dead_letters import redrive_all
from tests.conftest import make_settings

LETTERS = ["events/0/7", "events/0/9/acme", "d-1"]


def console(request: httpx.Request) -> httpx.Response:
    """A console with three dead letters, the second of which is no record."""
    if request.method == "GET":
        return httpx.Response(200, json={"items": [{"dead_letter_id": name} for name in LETTERS], "next": None})
    name = request.url.path.removeprefix("/api/v1/dead-letters/").removesuffix("/redrive")
    if name == LETTERS[1]:
        detail = f"{name} is no record that could be appended again; it can be discarded"
        return httpx.Response(409, json={"code": "not_a_record", "detail": detail})
    return httpx.Response(200, json={"dead_letter_id": name})


def test_one_that_cannot_go_back_does_not_hold_up_the_rest():
    api = Api(make_settings(url="http://console.example", key="k"), transport=httpx.MockTransport(console))
    redriven, refused = redrive_all(api)
    assert [letter["dead_letter_id"] for letter in redriven] == ["events/0/7", "d-1"]
    assert refused == ["events/0/9/acme is no record that could be appended again; it can be discarded"]

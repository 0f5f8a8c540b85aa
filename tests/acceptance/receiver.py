"""A customer's webhook receiver: verifies what comes, keeps a ledger, and misbehaves when told to."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_c3VjY2Vzc3BsYXlzLWFjY2VwdGFuY2UtdGVzdHM="

OK, REFUSE, HANG_UP = "ok", "refuse", "hang up"
# Says what to do with a delivery, by its id and how often it came before.
Manners = Callable[[str, int], str]


def polite(delivery_id: str, before: int) -> str:
    return OK


def forgetful(delivery_id: str, before: int) -> str:
    """Some are refused at first, and of some the answer is lost although they were taken."""
    fate = int(delivery_id.replace("-", "")[-4:], 16) % 30
    return {0: REFUSE, 1: HANG_UP}.get(fate, OK) if before == 0 else OK


class Receiver:
    """The ledger: `came` counts every arrival by its id, `objects` has what was made of an id, once."""

    def __init__(self, url: str, manners: Manners) -> None:
        self.url = url
        self.manners = manners
        self.came: Counter[str] = Counter()
        self.objects: dict[str, dict[str, Any]] = {}
        self.forged: list[str] = []
        self._turn = threading.Lock()

    def take(self, headers: dict[str, str], body: bytes) -> str:
        try:
            Webhook(SECRET).verify(body, headers)
        except WebhookVerificationError as error:
            self.forged.append(str(error))
            return REFUSE
        delivery_id = headers["webhook-id"]
        with self._turn:
            manner = self.manners(delivery_id, self.came[delivery_id])
            self.came[delivery_id] += 1
            content = json.loads(body)["data"]
            if manner != REFUSE:
                kept = self.objects.setdefault(delivery_id, content)
                assert kept == content, f"{delivery_id} came again with another content"
        return manner

    def made_for(self) -> Counter[tuple[str, str]]:
        """How many objects there are for each run and step."""
        return Counter((content["run"]["id"], content["step"]) for content in self.objects.values())


@contextmanager
def receiving(manners: Manners = polite) -> Iterator[Receiver]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:
                # Who sent it was killed in the middle of it.
                self.close_connection = True
                return
            manner = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            if manner == HANG_UP:
                self.close_connection = True
                return
            self.send_response(500 if manner == REFUSE else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/tasks", manners)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            serving.join()

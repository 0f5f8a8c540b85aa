"""The broker goes away and comes back, then the database: nothing is skipped, nothing is done twice, all go on by themselves."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from scripts import kafka, postgres
from shared.db.database import upgrade
from tests.acceptance.deployment import Deployment
from tests.acceptance.receiver import Receiver, receiving
from tests.conftest import make_settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ACCOUNTS = [f"patient-{number}" for number in range(12)]


class Running(NamedTuple):
    deployment: Deployment
    receiver: Receiver
    broker: kafka.Broker
    database: postgres.Postgres


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With servers of its own, which may be stopped without disturbing anybody."""
    with ExitStack() as stack:
        broker = stack.enter_context(kafka.start(tmp_path_factory.mktemp("broker")))
        database = stack.enter_context(postgres.start(durable=True))
        receiver = stack.enter_context(receiving())
        asyncio.run(upgrade(make_settings(database_url=database.url)))
        servers = (broker.bootstrap_servers, database.url)
        deployment = stack.enter_context(Deployment(tmp_path_factory.mktemp("outages-"), "story", receiver, servers))
        yield Running(deployment, receiver, broker, database)


def tickets(round: str) -> list[dict[str, Any]]:
    """An urgent ticket for each account: a run and two tasks each."""
    return [
        {
            "id": f"{round}-{account_id}",
            "name": "ticket.created",
            "account_id": account_id,
            "traits": {"plan": "pro"},
            "properties": {"ticket_id": f"{round}-{account_id}", "priority": "urgent"},
        }
        for account_id in ACCOUNTS
    ]


def assert_each_once(running: Running, *rounds: str) -> None:
    """Every ticket of these rounds was stored, decided and delivered, once."""
    deployment, receiver = running.deployment, running.receiver
    expected = {event["properties"]["ticket_id"]: 1 for round in rounds for event in tickets(round)}
    deployment.stored.wait_until_done(len(expected))
    assert Counter(deployment.stored.ids()) == expected
    inbox = [task["title"] for task in deployment.tasks() if task["destination"] == "inbox"]
    assert Counter(title.removeprefix("Urgent ticket ") for title in inbox) == expected
    made = [content["task"]["title"].removeprefix("Urgent ticket ") for content in receiver.objects.values()]
    assert Counter(made) == expected
    assert len(deployment.runs()) == len(expected)
    assert deployment.pages("dead-letters") == []


def test_outages(running: Running) -> None:
    deployment, _, broker, database = running
    deployment.send(tickets("before"))
    assert_each_once(running, "before")

    broker.kill()
    began = time.monotonic()
    answer = deployment.post(tickets("during"))
    assert time.monotonic() - began < 5
    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    broker.restart()
    deployment.send(tickets("during"))
    assert_each_once(running, "before", "during")

    database.kill()
    # Ingest needs only the log.
    deployment.send(tickets("without"), within=5)
    database.restart()
    deployment.send(tickets("after"))
    assert_each_once(running, "before", "during", "without", "after")

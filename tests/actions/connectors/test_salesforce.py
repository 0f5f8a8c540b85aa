"""Tasks in Salesforce: tokens are asked for, renewed, and the task is written by its external id."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from services.actions.tokens import Tokens
from shared.outbound.http import AddressRefused
from shared.outbound.outcomes import Delivered, Outcome, Pause, TryAgain
from tests.actions.connectors.calling import SECRET, Told, call
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import Tool

SETTINGS = {"client_id": "SECRET", "client_secret": "SECRET"}
ACME = {"id": "acme", "name": "Acme", "owner": "ana@acme.example", "salesforce_account_id": "001xx0000001"}
GRANTED: Told = (200, {}, b'{"access_token": "t-1", "token_type": "Bearer"}')
GRANTED_AGAIN: Told = (200, {}, b'{"access_token": "t-2", "token_type": "Bearer"}')
MADE: Told = (201, {}, b'{"id": "00Txx01", "success": true, "created": true, "errors": []}')
EXPIRED: Told = (401, {}, b'[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]')


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


async def send(receiver: Tool, folder: Path, tokens: Tokens, **fields: Any) -> Outcome:
    return await call("salesforce", receiver, folder, SETTINGS, tokens=tokens, account=ACME, **fields)


async def test_a_task_is_written_by_its_external_id(receiver: Tool, tmp_path: Path, tokens: Tokens) -> None:
    receiver.says(GRANTED, MADE)
    outcome = await send(receiver, tmp_path, tokens, assignee_id="005xx01")
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "00Txx01"
    grant, write = receiver.ledger
    assert grant.line == "POST /services/oauth2/token"
    assert parse_qs(grant.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": [SECRET],
        "client_secret": [SECRET],
    }
    identity = outgoing("task").delivery_id
    assert write.line == f"PATCH /services/data/v62.0/sobjects/Task/SuccessPlays_Id__c/{identity}"
    assert write.headers["authorization"] == "Bearer t-1"
    assert {name: write.json[name] for name in ("Subject", "WhatId", "OwnerId", "Priority", "ActivityDate", "Status")} == {
        "Subject": "Call Acme",
        "WhatId": "001xx0000001",
        "OwnerId": "005xx01",
        "Priority": "High",
        "ActivityDate": "2026-03-04",
        "Status": "Not Started",
    }


async def test_a_token_serves_many_tasks(receiver: Tool, tmp_path: Path, tokens: Tokens) -> None:
    receiver.says(GRANTED, MADE)
    for _ in range(3):
        await send(receiver, tmp_path, tokens)
    assert [request.line.split("/")[1:3] for request in receiver.ledger].count(["services", "oauth2"]) == 1


async def test_a_session_that_ended_is_renewed_in_the_same_try(receiver: Tool, tmp_path: Path, tokens: Tokens) -> None:
    receiver.says(GRANTED, EXPIRED, GRANTED_AGAIN, MADE)
    assert isinstance(await send(receiver, tmp_path, tokens), Delivered)
    assert receiver.ledger[3].headers["authorization"] == "Bearer t-2"


async def test_a_new_token_that_is_refused_too_pauses(receiver: Tool, tmp_path: Path, tokens: Tokens) -> None:
    receiver.says(GRANTED, EXPIRED, GRANTED_AGAIN, EXPIRED)
    assert isinstance(await send(receiver, tmp_path, tokens), Pause)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [((400, {}, b'{"error": "invalid_client"}'), Pause), ((503, {}, b""), TryAgain), ((200, {}, b"<html>"), TryAgain)],
)
async def test_no_token(receiver: Tool, tmp_path: Path, tokens: Tokens, answer: Told, outcome: type[Outcome]) -> None:
    receiver.says(answer)
    assert isinstance(await send(receiver, tmp_path, tokens), outcome)
    assert len(receiver.ledger) == 1


async def test_the_days_limit_is_waited_for_and_pauses_nothing(receiver: Tool, tmp_path: Path, tokens: Tokens) -> None:
    receiver.says(GRANTED, (403, {}, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]'))
    outcome = await send(receiver, tmp_path, tokens)
    assert isinstance(outcome, TryAgain)
    assert outcome.throttled


async def test_an_instance_that_is_no_web_address_is_refused(receiver: Tool, tmp_path: Path, tokens: Tokens) -> None:
    receiver.says((200, {}, b'{"access_token": "t", "instance_url": "ftp://inside/"}'))
    with pytest.raises(AddressRefused):
        await send(receiver, tmp_path, tokens)

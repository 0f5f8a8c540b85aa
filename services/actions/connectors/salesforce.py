"""A Task in Salesforce, at the account.

    destinations:
      crm:
        kind: salesforce
        base_url: "https://acme.my.salesforce.com"
        client_id: "env:SALESFORCE_CLIENT_ID"
        client_secret: "env:SALESFORCE_CLIENT_SECRET"

A connected app with the client credentials flow and the scope `api`. Its tokens are asked for when they are needed, and again
when Salesforce says that a session is not valid any more. The task is written by its external id (upsert): `id_field`, a text
field of Task that you made with "External ID" and "Unique"; so a task cannot come twice. The account is the trait
`salesforce_account_id` (`account` names another), the owner the assignee's id in `people.yaml` under this destination's name.
Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm
"""

from typing import Any
from urllib.parse import urlencode

import msgspec
from pydantic import Field

from services.actions.api import ApiSettings, Reply, account_field, ask, made, paragraphs, text_in, title_of
from services.actions.connectors.contract import Outgoing
from services.actions.rendering import RenderedTask
from services.actions.tokens import Granted
from shared.instants import MINUTE, show_instant
from shared.outbound.http import Http
from shared.outbound.outcomes import Delivered, GiveUp, Outcome, Pause, TryAgain
from shared.outbound.retry import judge_answer
from shared.outbound.urls import url_refusal
from shared.secrets import SecretReference

ACCEPTS = frozenset({"task"})
# Salesforce says of no token how long it holds; a session lasts at least 15 minutes.
HOLDS = 15 * MINUTE
LONGEST_DESCRIPTION = 32_000
_PRIORITIES = {"low": "Low", "normal": "Normal", "high": "High", "urgent": "High"}
_UNAUTHORIZED, _FORBIDDEN = 401, 403


class Settings(ApiSettings):
    """`base_url` is your own domain: it grants the tokens."""

    client_id: SecretReference
    client_secret: SecretReference
    # A unique external id of Task.
    id_field: str = Field(default="SuccessPlays_Id__c", pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    api_version: str = Field(default="v62.0", pattern=r"^v[0-9]+\.0$")
    # The account's trait that holds its id in Salesforce.
    account: str = "salesforce_account_id"


class _NotGranted(Exception):
    """The token's outcome, when there is none."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


async def send(outgoing: Outgoing, settings: Settings, http: Http) -> Outcome:
    """Write the task by its external id; once more when the session has ended meanwhile."""
    try:
        granted = await _granted(outgoing, settings, http)
        reply = await _upsert(outgoing, settings, http, granted)
        if reply.outcome.status == _UNAUTHORIZED:
            outgoing.tokens.forget(outgoing.destination, granted)
            reply = await _upsert(outgoing, settings, http, await _granted(outgoing, settings, http))
    except _NotGranted as refused:
        return refused.outcome
    if reply.outcome.status == _FORBIDDEN and text_in(reply.body, 0, "errorCode") == "REQUEST_LIMIT_EXCEEDED":
        return TryAgain("Salesforce's daily limit of requests is used up", None, True, _FORBIDDEN, reply.outcome.response)
    return made(reply, "id")


def task(outgoing: Outgoing, settings: Settings) -> dict[str, Any]:
    """The fields of the Task; the external id stands in the path."""
    content = outgoing.content
    fields: dict[str, Any] = {
        "Subject": title_of(outgoing),
        "Description": "\n\n".join(paragraphs(outgoing))[:LONGEST_DESCRIPTION],
        "Status": "Not Started",
        "Priority": "Normal",
    }
    if isinstance(content, RenderedTask):
        fields["Priority"] = _PRIORITIES[content.priority]
        if content.due_at is not None:
            fields["ActivityDate"] = show_instant(content.due_at)[:10]
    if (account := account_field(outgoing, settings.account)) is not None:
        fields["WhatId"] = account
    if outgoing.assignee_id is not None:
        fields["OwnerId"] = outgoing.assignee_id
    return fields


async def _upsert(outgoing: Outgoing, settings: Settings, http: Http, granted: Granted) -> Reply:
    path = f"/services/data/{settings.api_version}/sobjects/Task/{settings.id_field}/{outgoing.delivery_id}"
    headers = {"authorization": f"Bearer {granted.token}"}
    body = task(outgoing, settings)
    return await ask(outgoing, settings, http, "PATCH", path, headers=headers, body=body, base_url=granted.base_url)


async def _granted(outgoing: Outgoing, settings: Settings, http: Http) -> Granted:
    async def grant() -> Granted:
        form = {
            "grant_type": "client_credentials",
            "client_id": outgoing.secret(settings.client_id),
            "client_secret": outgoing.secret(settings.client_secret),
        }
        url = settings.base_url.rstrip("/") + "/services/oauth2/token"
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        answer = await http.post(url, urlencode(form).encode(), headers, private=settings.private)
        outcome = judge_answer(answer.status, answer.headers, answer.text, outgoing.now)
        if not isinstance(outcome, Delivered):
            # 400 is how OAuth says that it does not know us: a person has to look.
            raise _NotGranted(Pause(f"no token: {outcome.reason}", outcome.status) if isinstance(outcome, GiveUp) else outcome)
        return _read(answer.text, settings, outgoing)

    return await outgoing.tokens.granted(outgoing.destination, outgoing.now, grant)


def _read(text: str, settings: Settings, outgoing: Outgoing) -> Granted:
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError:
        body = None
    token, instance = text_in(body, "access_token"), text_in(body, "instance_url")
    if token is None:
        raise _NotGranted(TryAgain("the answer to a request for a token has none"))
    if instance is not None and (why := url_refusal(instance, private=settings.private)) is not None:
        raise _NotGranted(GiveUp(f"the instance that Salesforce names is refused: {why}"))
    return Granted(token, instance, outgoing.now + HOLDS)

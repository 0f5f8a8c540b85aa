"""Issues in Jira Cloud."""

from pathlib import Path

from services.actions.connectors.jira import document
from shared.outbound.outcomes import Delivered
from tests.actions.connectors.calling import Told, call
from tests.actions.connectors.outgoing import outgoing
from tests.actions.scene import Tool

SETTINGS = {"email": "success@acme.example", "token": "SECRET", "project": "CS"}
MADE: Told = (201, {}, b'{"id": "10000", "key": "CS-24", "self": "https://acme.atlassian.net/rest/api/3/issue/10000"}')


async def test_a_task_is_an_issue_of_the_project(receiver: Tool, tmp_path: Path) -> None:
    receiver.says(MADE)
    outcome = await call("jira", receiver, tmp_path, SETTINGS, assignee_id="5b10a2844c20165700ede21g")
    assert isinstance(outcome, Delivered)
    assert outcome.external_id == "CS-24"
    (request,) = receiver.ledger
    assert request.line == "POST /rest/api/3/issue"
    fields = request.json["fields"]
    assert (fields["project"], fields["issuetype"], fields["summary"]) == ({"key": "CS"}, {"name": "Task"}, "Call Acme")
    assert (fields["priority"], fields["duedate"]) == ({"name": "High"}, "2026-03-04")
    assert fields["assignee"] == {"accountId": "5b10a2844c20165700ede21g"}


async def test_a_project_without_priorities_gets_none(receiver: Tool, tmp_path: Path) -> None:
    receiver.says(MADE)
    await call("jira", receiver, tmp_path, {**SETTINGS, "priorities": {}})
    assert "priority" not in receiver.ledger[0].json["fields"]


async def test_an_issue_is_found_by_the_label_it_was_made_with(receiver: Tool, tmp_path: Path) -> None:
    receiver.says((200, {}, b'{"issues": []}'), MADE)
    await call("jira", receiver, tmp_path, SETTINGS, uncertain=True)
    search, made = receiver.ledger
    label = f"successplays-{outgoing('task').delivery_id}"
    assert (search.line, search.json["jql"]) == ("POST /rest/api/3/search/jql", f'labels = "{label}"')
    assert label in made.json["fields"]["labels"]
    receiver.says((200, {}, b'{"issues": [{"id": "10000", "key": "CS-24"}]}'))
    found = await call("jira", receiver, tmp_path, SETTINGS, uncertain=True)
    assert isinstance(found, Delivered)
    assert (found.external_id, len(receiver.ledger)) == ("CS-24", 3)


def test_text_is_text_in_a_document() -> None:
    assert document(["h1. *no* {markup}\nsecond line"]) == {
        "type": "doc",
        "version": 1,
        "content": [
            {
                "type": "paragraph",
                "content": [
                    {"type": "text", "text": "h1. *no* {markup}"},
                    {"type": "hardBreak"},
                    {"type": "text", "text": "second line"},
                ],
            }
        ],
    }

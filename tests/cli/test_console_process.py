"""`successplays console` as a process of its own, embedded and on Kafka and PostgreSQL."""

import signal
import uuid
from pathlib import Path

import pytest

from tests.cli.running import Place, a_place, serving, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PLAY = "play: login\nwhen: {event: user.logged_in}\n"


@pytest.fixture(params=["embedded", "kafka"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "embedded":
        return a_place(tmp_path)
    return a_place(
        tmp_path,
        KAFKA_BOOTSTRAP_SERVERS=request.getfixturevalue("kafka"),
        DATABASE_URL=request.getfixturevalue("postgres_url"),
        SUCCESSPLAYS_TOPIC_PREFIX=f"test-{uuid.uuid4().hex[:12]}.",
    )


@pytest.fixture
def workspace(tmp_path: Path) -> str:
    (tmp_path / "workspace" / "plays").mkdir(parents=True)
    (tmp_path / "workspace" / "plays" / "login.yaml").write_text(PLAY)
    return str(tmp_path / "workspace")


def test_plays_are_applied_with_a_key_that_may_only_apply(place: Place, workspace: str):
    assert place.run("db", "upgrade").code == 0
    with serving(place, "console") as system:
        key = place.run("keys", "create", "--scope", "apply", "--json").json
        job = Place(place.data, place.port, {**place.variables, "SUCCESSPLAYS_KEY": key["key"]})
        applied = job.run("plays", "apply", "--workspace", workspace, "--commit", "c0ffee", "--wait", "0", "--json").json
        assert (applied["workspace_version"], applied["published"]) == (1, True)
        assert [(change["play"], change["change"]) for change in applied["plays"]] == [("login", "created")]
        again = job.run("plays", "apply", "--workspace", workspace, "--json").json
        assert [(change["play"], change["change"]) for change in again["plays"]] == [("login", "unchanged")]
        assert job.run("keys", "list").code == 2
        assert place.run("keys", "revoke", key["key_id"]).code == 0
        until(lambda: job.run("plays", "list").code == 2, within=10)
        assert system.end(signal.SIGTERM) == 0


def test_a_bad_workspace_is_not_even_sent(place: Place, workspace: str):
    assert place.run("db", "upgrade").code == 0
    (Path(workspace) / "plays" / "login.yaml").write_text(PLAY.replace("event", "evnt"))
    with serving(place, "console"):
        refused = place.run("plays", "apply", "--workspace", workspace)
        assert (refused.code, "plays/login.yaml:2" in refused.out) == (1, True)
        assert place.run("plays", "list", "--json").json == []


def test_a_database_without_tables_is_a_sentence_that_says_what_to_do(tmp_path: Path):
    done = a_place(tmp_path).run("console")
    assert (done.code, "successplays db upgrade" in done.err, "Traceback" in done.err) == (1, True, False)

"""The same on Kafka and PostgreSQL."""

import asyncio
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import given

from tests.conftest import database_on, make_settings, run_on
from tests.determinism.examples import examples
from tests.determinism.lived import Life, lived
from tests.determinism.stories import lives, stories
from tests.determinism.story import Story, differences, meant


@pytest.mark.slow
@examples(5)
@given(stories().filter(lambda story: len(story.records) > 10), lives)
def test_on_kafka_and_postgresql_too(kafka: str, postgres_server: str, postgres_template: str, story: Story, life: Life):
    name = f"successplays_test_{uuid.uuid4().hex[:8]}"
    run_on(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    with tempfile.TemporaryDirectory() as folder:
        fresh = make_settings(
            data=Path(folder),
            database_url=database_on(postgres_server, name),
            kafka_bootstrap_servers=kafka,
            topic_prefix=f"{name}.",
        )
        assert differences(asyncio.run(lived(story, fresh, life)), meant(story)) == []
    run_on(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.actions.scene import SECRET, Stage, Tool, tool


@pytest.fixture
async def stage(database: AsyncEngine) -> AsyncIterator[Stage]:
    made = Stage(database)
    yield made
    await made.worker.settle()
    await made.http.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Tool]:
    async with tool() as told:
        yield told


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "hook_secret"
    file.write_text(SECRET + "\n")
    return file

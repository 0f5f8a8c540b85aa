"""A scene on each database, and a vendor."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.ingest.fetching.scene import Scene, VendorApi, vendor_api


@pytest.fixture
async def vendor() -> AsyncIterator[VendorApi]:
    async with vendor_api() as answering:
        yield answering


@pytest.fixture
async def scene(database: AsyncEngine, tmp_path: Path, vendor: VendorApi) -> AsyncIterator[Scene]:
    """With a source `zendesk` that leads to the vendor."""
    played = Scene(database, tmp_path)
    played.source(vendor)
    yield played
    await played.fetcher.settle()
    await played.http.close()

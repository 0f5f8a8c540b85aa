"""What the image installs is whole: built from what the builder gets, it works without the repository."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

UPGRADE_SQLITE = """
import asyncio
from pathlib import Path
from shared.db.database import open_database, require_current_schema, upgrade
from shared.settings import Settings

async def main():
    settings = Settings(SUCCESSPLAYS_DATA=Path("data"))
    await upgrade(settings)
    database = await open_database(settings)
    await require_current_schema(database)
    await database.dispose()

asyncio.run(main())
"""


@pytest.mark.slow
def test_the_installed_package_upgrades_a_database(tmp_path: Path) -> None:
    source, wheels, site = tmp_path / "source", tmp_path / "wheels", tmp_path / "site"
    for folder in ("migrations", "services", "shared"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source / file)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir"]
    subprocess.run([*build, wheels, source], check=True)
    (wheel,) = wheels.glob("successplays-*.whl")
    zipfile.ZipFile(wheel).extractall(site)

    environment = {"PATH": os.defpath, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", UPGRADE_SQLITE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    where = [sys.executable, "-c", "import shared.records; print(shared.records.__file__)"]
    assert subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout.startswith(
        str(site)
    )

"""Write a migration from what `shared/db/tables.py` has and `migrations/` does not make yet.

    .venv/bin/python -m scripts.new_migration "deliveries know their channel"

Read what it wrote before you commit it: Alembic does not see a renamed column, nor what has to happen to the rows.
"""

import argparse
import asyncio
import re
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from shared.db.database import open_database, upgrade
from shared.settings import Settings

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


def next_number() -> str:
    """`0002` when there is `0001_first_tables.py`."""
    numbers = [int(path.name[:4]) for path in (MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py")]
    return f"{max(numbers, default=0) + 1:04}"


async def write(message: str) -> None:
    """Compare the tables with an empty database that was brought to the newest revision, and write the difference."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_section_option("post_write_hooks", "hooks", "sort, format")
    for hook, options in (("sort", "check --fix --quiet"), ("format", "format --quiet")):
        config.set_section_option("post_write_hooks", f"{hook}.type", "module")
        config.set_section_option("post_write_hooks", f"{hook}.module", "ruff")
        config.set_section_option("post_write_hooks", f"{hook}.options", f"{options} REVISION_SCRIPT_FILENAME")
    number = next_number()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate({"SUCCESSPLAYS_DATA": Path(folder)})
        if number != "0001":
            await upgrade(settings)
        database = await open_database(settings)

        def compare(connection: Connection) -> None:
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True, rev_id=number)

        async with database.begin() as connection:
            await connection.run_sync(compare)
        await database.dispose()


def main() -> None:
    """Ask for the message: it becomes the file's name and its docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("message", type=lambda text: re.sub(r"\s+", " ", text).strip())
    asyncio.run(write(parser.parse_args().message))


if __name__ == "__main__":
    main()

"""The same log gives the same runs, ids, evidence and documents, however it is lived through.

The examples are the same in every run; see conftest.py for others.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import given

from tests.conftest import make_settings
from tests.determinism.examples import examples
from tests.determinism.lived import Life, lived
from tests.determinism.stories import lives, stories
from tests.determinism.story import Outcome, Story, differences, meant


def lived_embedded(template: Path, story: Story, life: Life) -> Outcome:
    """Live through a story on a fresh embedded log and a fresh SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        file = shutil.copyfile(template, Path(folder) / "successplays.db")
        return asyncio.run(lived(story, make_settings(data=Path(folder), database_url=f"sqlite:///{file}"), life))


@examples(50)
@given(stories(), lives)
def test_whatever_comes_it_ends_as_the_engine_alone_would_have_it(sqlite_template: Path, story: Story, life: Life):
    assert differences(lived_embedded(sqlite_template, story, life), meant(story)) == []

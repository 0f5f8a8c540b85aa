"""The same log gives the same runs, ids, evidence and documents, however it is lived through.

The examples are the same in every run; see conftest.py for others.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import given

from shared.instants import HOUR, show_instant
from tests.conftest import make_settings
from tests.determinism.examples import examples
from tests.determinism.lived import Life, bounds, lived
from tests.determinism.stories import lives, record_of, stories
from tests.determinism.story import Outcome, Story, Told, differences, meant, tell
from tests.determinism.trouble import Trouble


def lived_embedded(template: Path, story: Story, life: Life) -> Outcome:
    """Live through a story on a fresh embedded log and a fresh SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        file = shutil.copyfile(template, Path(folder) / "successplays.db")
        return asyncio.run(lived(story, make_settings(data=Path(folder), database_url=f"sqlite:///{file}"), life))


def test_a_start_that_is_told_later_reaches_the_subjects_that_are_not_in_memory(sqlite_template: Path):
    #  0                        30 min                  1 h, as it was       2 h
    #  ana, who waits for 1 h   bo, and no start        nothing              an event of somebody else
    play = {"play": "person", "per": "user", "when": {"count": {"of": "any", "over": "1d", "at_least": 1}}, "again": "every time"}
    log = [
        Told(0, record_of([play], 0)),
        tell("a.x", 0, user_id="ana", traits={"started_at": show_instant(HOUR)}),
        tell("a.x", HOUR // 2, user_id="bo", traits={"started_at": None}),
        tell("a.x", 2 * HOUR, "other"),
    ]
    story = Story(log, 3 * HOUR)
    one_at_a_time = Life(bounds=[bounds(records=1, due=1, warm=1, documents=1)], troubles=[Trouble(20, "crash")], pieces=4)
    found = lived_embedded(sqlite_template, story, one_at_a_time)
    assert differences(found, meant(story)) == []
    assert {row[3]: row[5] for row in found.runs.values()} == {"ana": HOUR // 2, "bo": HOUR // 2}


@examples(50)
@given(stories(), lives)
def test_whatever_comes_it_ends_as_the_engine_alone_would_have_it(sqlite_template: Path, story: Story, life: Life):
    assert differences(lived_embedded(sqlite_template, story, life), meant(story)) == []

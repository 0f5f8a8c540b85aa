"""What the console is handed to judge a workspace with: the `successplays` command puts the real one in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from shared.instants import Instant
from shared.workspace.problems import Problem


class CheckedPlay(Protocol):
    """One play that may be applied: `document` is plain JSON, segments and defaults written in; `source` the file's text."""

    @property
    def name(self) -> str:
        """Its name, which is its file's."""
        ...

    @property
    def document(self) -> dict[str, Any]:
        """What the engine evaluates."""
        ...

    @property
    def source(self) -> str:
        """The file as it was written."""
        ...


class Checked(Protocol):
    """A workspace as it was found. With any problem, nothing of it may be applied."""

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong, everything at once."""
        ...

    @property
    def workspace(self) -> dict[str, Any]:
        """Destinations, sources, people, teams, catalogue, defaults: plain JSON, secrets as references."""
        ...

    @property
    def plays(self) -> Sequence[CheckedPlay]:
        """Those that can be applied."""
        ...

    @property
    def listening(self) -> Mapping[str, Instant]:
        """Since when an event name is heard, where the catalogue says so."""
        ...


# From the files of a workspace (relative path, text) to what they say. Pure, and slow enough to be run in a thread.
Check = Callable[[dict[str, str]], Checked]

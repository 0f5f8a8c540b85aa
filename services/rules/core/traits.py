"""Traits as conditions read them: a path below `account.` or `user.`, and a date at such a path."""

from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from services.rules.core.explaining.clauses import Said
from services.rules.core.explaining.words import moment
from shared.instants import Instant
from shared.matchers import moment_of, reach, show
from shared.records import JsonObject


def trait_path(path: str) -> str:
    """Check that a path names a trait."""
    root, _, rest = path.partition(".")
    if root not in ("account", "user") or not rest:
        raise PydanticCustomError(
            "trait_path", "Input should be a trait such as account.renewal_date; found {found}", {"found": path}
        )
    return path


class TraitDate:
    """A date in a trait: ISO 8601; without a time it is the first instant of that day in the play's time zone."""

    __slots__ = ("_found", "_zone", "path")

    def __init__(self, path: str, timezone: str) -> None:
        self.path = path
        self._found = reach(path)
        self._zone = ZoneInfo(timezone)

    def read(self, context: dict[str, JsonObject]) -> Instant | None:
        """The instant, or None where the trait is missing or no date."""
        return moment_of(self._found(context), self._zone)

    def says(self, context: dict[str, JsonObject]) -> Said:
        """The trait in words, with the field where it is missing or no date."""
        found, at = self._found(context), self.read(context)
        if at is not None:
            return Said(f"{self.path} is {moment(at)}")
        what = "missing" if found is None else f"{show(found)}, which is no date"
        return Said(f"{self.path} is {what}", (self.path,))

"""The small words of the play language, as pydantic field types: durations, percentages, event names, measures."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.event_names import is_one_of
from shared.instants import DAY, Microseconds, parse_duration, show_duration
from shared.matchers import CompiledMatchers, EventMatchers, compile_matchers


class Form(BaseModel):
    """A mapping of the play language: unknown keys are refused, nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, arbitrary_types_allowed=True)


# With a century added to any date of ISO 8601, a deadline still fits the database's 64 bits.
_LONGEST = 36_500 * DAY


def _duration(found: object) -> Microseconds:
    if not isinstance(found, str):
        raise PydanticCustomError("duration", "Input should be a duration such as 7d: a whole number and one of s, m, h, d, w")
    try:
        return parse_duration(found)
    except ValueError as error:
        raise PydanticCustomError("duration", "{reason}", {"reason": str(error)}) from None


def _positive(duration: Microseconds) -> Microseconds:
    if not 0 < duration <= _LONGEST:
        raise PydanticCustomError("duration", "Input should be longer than nothing, and at most 36500d")
    return duration


def _share(found: object) -> float:
    """`40%` as 0.4."""
    text = found.strip() if isinstance(found, str) else ""
    try:
        number = float(text.removesuffix("%")) if text.endswith("%") else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise PydanticCustomError("share", "Input should be a percentage such as 40%")
    # Through the decimal point, not by division: 7% is the float nearest to 0.07.
    return float(f"{number}e-2")


_DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9}[smhdw]$", "examples": ["7d"]})
Duration = Annotated[
    Microseconds, BeforeValidator(_duration), AfterValidator(_positive), PlainSerializer(show_duration), _DURATION_SCHEMA
]
Share = Annotated[
    float, BeforeValidator(_share), WithJsonSchema({"type": "string", "pattern": "^[0-9.]+%$", "examples": ["40%"]})
]


def _names(found: object) -> tuple[str, ...]:
    given: Iterable[object] = found if isinstance(found, list) else [found]
    names = tuple(name for name in given if isinstance(name, str) and name)
    if not names or (isinstance(found, list) and len(names) != len(found)):
        raise PydanticCustomError(
            "event_names", "Input should be an event name such as report.exported, a list of names, ticket.* or any"
        )
    for name in names:
        if "*" in name and not name.endswith(".*"):
            raise PydanticCustomError("event_names", "a pattern ends in .*, such as ticket.*; found {name}", {"name": name})
    return names


EventNames = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


class EventFilter(Form):
    """`of:` a name, a list, `ticket.*` or `any`, with an optional `where:` on the event's own fields."""

    of: EventNames
    where: EventMatchers | None = None

    def hears(self, name: str) -> bool:
        """Whether events of this name are of interest."""
        return is_one_of(name, self.of)

    def compiled_where(self, timezone: str) -> CompiledMatchers | None:
        """The compiled `where`, or None where every event of the names matches."""
        return None if self.where is None else compile_matchers(self.where, timezone)

    def signature(self, zone: str) -> str:
        """The filter as text: filters with the same signature let the same events through. `zone` names that of the play."""
        where = self.compiled_where("UTC")
        local = f" in {zone}" if where is not None and where.reads_dates else ""
        return f"{'|'.join(sorted(set(self.of)))}?{self.where!r}{local}"


class OfPath(Form):
    """A measure over a property: exactly one of these keys."""

    sum: str | None = None
    min: str | None = None
    max: str | None = None
    avg: str | None = None
    last: str | None = None
    distinct: str | None = None


class Measure(Form):
    """What is counted: `count` events, `users`, `days`, or `sum min max avg last distinct` of a property."""

    kind: Literal["count", "users", "days", "sum", "min", "max", "avg", "last", "distinct"] = "count"
    path: str | None = None

    @property
    def signature(self) -> str:
        """The measure as text."""
        return f"{self.kind}:{self.path or ''}"


def _measure(found: object) -> object:
    if isinstance(found, str):
        if found not in ("count", "users", "days"):
            raise PydanticCustomError(
                "measure", "Input should be count, users, days, or one of sum, min, max, avg, last, distinct of a path"
            )
        return Measure(kind=found)  # type: ignore[arg-type]  # checked the line above
    chosen = OfPath.model_validate(found).model_dump(exclude_none=True)
    if len(chosen) != 1:
        raise PydanticCustomError("measure", "Input should have exactly one of sum, min, max, avg, last, distinct")
    ((kind, path),) = chosen.items()
    if not path.startswith("properties."):
        raise PydanticCustomError("measure", "Input should be a path below properties, such as properties.pages")
    return Measure.model_validate({"kind": kind, "path": path})


MeasureField = Annotated[
    Measure,
    BeforeValidator(_measure),
    WithJsonSchema({"anyOf": [{"enum": ["count", "users", "days"]}, OfPath.model_json_schema()]}),
]


def read_path(fields: dict[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a path below `properties`, or None where there is none."""
    found: Any = fields
    for key in path:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found


Positive = Annotated[int, Field(ge=1, strict=True)]

"""How instants look in answers: ISO 8601 in UTC."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema
from sqlalchemy import Row

from shared.instants import Instant, show_instant

Moment = Annotated[
    Instant,
    PlainSerializer(show_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class Shown(BaseModel):
    """An answer, or a part of one. Fields may be added within v1, never taken away."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, row: Row[*tuple[Any, ...]], **more: Any) -> Self:
        """Make it from a row that has its fields by name; the row's other columns are left out."""
        return cls.model_validate({**row._asdict(), **more})

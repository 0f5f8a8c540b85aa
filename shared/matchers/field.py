"""Matchers as the type of a pydantic model's field. The value stays the plain mapping that was written."""

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shared.matchers.paths import ROOTS
from shared.matchers.tree import read_matchers
from shared.matchers.words import WORDS

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}


class MatchersOver:
    """An annotation: `Annotated[dict[str, Any], MatchersOver("account", "user")]` takes matchers on these roots only."""

    def __init__(self, *roots: str) -> None:
        self.roots = roots

    def validate(self, spec: Any) -> Any:
        """The matchers, unchanged.

        Raises:
            pydantic.ValidationError: with the place of each thing that is wrong.
        """
        read_matchers(spec, self.roots)
        return spec

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """What pydantic calls to validate."""
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """What editors complete from."""
        words = {word: {"description": entry.meaning} for word, entry in WORDS.items()}
        several: dict[str, Any] = {"type": "array", "minItems": 1}
        matcher = {
            "type": "object",
            "properties": {**words, "missing": {"type": "boolean"}, "all": several, "any": several, "not": {}},
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "minProperties": 1,
            "properties": {"all": several, "any": several, "not": {"type": "object"}},
            "patternProperties": {rf"^({'|'.join(self.roots)})\.": {"anyOf": [_SCALAR, several, matcher]}},
            "additionalProperties": False,
        }


Matchers = Annotated[dict[str, Any], MatchersOver(*ROOTS)]
AccountMatchers = Annotated[dict[str, Any], MatchersOver("account", "user")]
EventMatchers = Annotated[dict[str, Any], MatchersOver("properties", "event", "account", "user")]
StepMatchers = Annotated[dict[str, Any], MatchersOver("account", "user", "owner", "event", "evidence", "run", "play")]

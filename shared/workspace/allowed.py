"""Which keys a pydantic model allows at a place in a document, by walking its annotations."""

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel

from shared.workspace.positions import Loc


def keys_at(model: Any, loc: Loc, named: Mapping[Any, Any]) -> list[str]:
    """The keys that the models at `loc` allow, in their order; empty where it leads to none. `model` is one, or `Any`.

    `named` says which model stands under a key where the annotation does not know (`when: {silence: ...}`).
    An element that leads nowhere, a union's tag, is passed over.
    """
    types: list[Any] = [model]
    for element in loc:
        below = [found for one in types for found in _below(one, element)]
        types = below or ([named[element]] if element in named else types)
    keys: dict[str, None] = {}
    for one in types:
        if isinstance(one, type) and issubclass(one, BaseModel):
            keys.update({field.alias or name: None for name, field in one.model_fields.items() if name != "root"})
    return list(keys)


def _below(annotation: Any, element: str | int) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return [found for one in _flat(annotation.model_fields["root"].annotation) for found in _below(one, element)]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return [one for name, field in fields if element in (name, field.alias) for one in _flat(field.annotation)]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (list, tuple) and isinstance(element, int) and arguments:
        return _flat(arguments[0])
    return _flat(arguments[1]) if origin is dict and len(arguments) == 2 else []


def _flat(annotation: Any) -> list[Any]:
    """The branches of a union, without what is only metadata."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _flat(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [branch for one in get_args(annotation) for branch in _flat(one)]
    return [annotation]

"""Bytes become elements of XML, or are refused. Without document types there are no entities: nothing is fetched or blown up.

What is refused by the parser itself: what is not well-formed or not UTF-8, U+0000, half a surrogate pair.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers.expat import ExpatError, ParserCreate

from services.ingest.errors import Refused
from services.ingest.reading.json_scan import DEEPEST


@dataclass(frozen=True, slots=True)
class Element:
    """One element. Names of elements and attributes are without their namespaces."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list["Element"] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What stands in it, without the blanks around."""
        return "".join(self.texts).strip()

    def all(self, name: str) -> Iterator["Element"]:
        """Its children of this name."""
        return (child for child in self.children if child.name == name)

    def first(self, *names: str) -> "Element | None":
        """What is under these names, one in the other; the first of each."""
        found: Element | None = self
        for name in names:
            found = None if found is None else next(found.all(name), None)
        return found


def read_xml(raw: bytes) -> Element:
    """The document's element. Raises Refused: no well-formed XML in UTF-8, a document type, too deep."""
    top = Element("")
    open_elements = [top]

    def begin(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > DEEPEST:
            raise Refused("too_deep", "", f"elements are nested deeper than {DEEPEST}")
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        open_elements.pop()

    def text(found: str) -> None:
        open_elements[-1].texts.append(found)

    # Whatever encoding the document names, so that none of Python's own is looked up.
    parser = ParserCreate("UTF-8", " ")
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, text
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        parser.Parse(raw, True)
    except ExpatError as error:
        raise Refused("malformed", "", f"not XML: {error}") from None
    return top.children[0]


def _refuse_document_type(*_: object) -> NoReturn:
    raise Refused("malformed", "", "a document type is not taken")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]

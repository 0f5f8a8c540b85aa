"""XML: what is read, and what is refused before anything is made of it."""

import pytest

from services.ingest.errors import Refused
from services.ingest.reading.xml_read import read_xml


def test_elements_are_read_without_their_namespaces() -> None:
    found = read_xml(
        b'<?xml version="1.0"?><a:x xmlns:a="urn:a" a:kind="k"><a:y> one <![CDATA[<&>]]> </a:y><y>two &amp; &#233;</y></a:x>'
    )
    assert (found.name, found.attributes) == ("x", {"kind": "k"})
    assert [child.text for child in found.all("y")] == ["one <&>", "two & é"]
    assert found.first("y") is found.children[0]
    assert found.first("y", "z") is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "malformed"),
        (b"{}", "malformed"),
        (b"<a>", "malformed"),
        (b"<a></b>", "malformed"),
        (b"<a/><b/>", "malformed"),
        (b"<a>\xff</a>", "malformed"),
        (b"<a>\x00</a>", "malformed"),
        (b"<a>&#0;</a>", "malformed"),
        (b"<a>&#xD800;</a>", "malformed"),
        (b"<a>&unknown;</a>", "malformed"),
        (b"<a:x/>", "malformed"),
        (b'<?xml version="1.0" encoding="no-such"?><a>\xe9</a>', "malformed"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "malformed"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "malformed"),
        (b'<!DOCTYPE a [<!ENTITY b "xx"><!ENTITY c "&b;&b;">]><a>&c;</a>', "malformed"),
        (b"<a>" * 33 + b"</a>" * 33, "too_deep"),
        (b"<a>" * 150_000, "too_deep"),
    ],
)
def test_what_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_xml(raw)
    assert refused.value.code == code


def test_32_are_not_too_deep() -> None:
    assert read_xml(b"<a>" * 32 + b"</a>" * 32).name == "a"

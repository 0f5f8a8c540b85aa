"""Whatever comes in a vendor's name: it is read, or refused with a documented code. Nothing else happens, in any of them."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.errors import ITEM_CODES, Refused
from services.ingest.fetching.contract import Unfetched
from services.ingest.receiving.reported import events_of, notifications_of
from services.ingest.sources.contract import Incoming, Notified, Reported, Source, SourceSettings, Told, sources
from shared.log.contract import MAX_VALUE
from shared.records import JsonObject, decode_events_record, decode_notification
from tests.ingest.conftest import NOW
from tests.ingest.fuzz.mutations import VALUES, bodies, usual
from tests.ingest.sources.sending import SECRET, Vendor
from tests.ingest.sources.test_conformance import VENDORS

KINDS = sorted(sources())
HEADERS = st.text(st.characters(max_codepoint=255), max_size=40) | st.sampled_from(
    ["", "t=1,v1=00", "v1,AAAA", "sha256=", "9" * 400, "Basic Og=="]
)


def settings_of(source: Source, vendor: Vendor) -> SourceSettings:
    """As a workspace says it; the secrets are never read here."""
    proof = {"secret": "env:SECRET"} if vendor.sign is not None else {"token": "env:TOKEN"}
    return source.settings.model_validate({**proof, **vendor.settings})


@st.composite
def requests(draw: st.DrawFn, source: Source, vendor: Vendor) -> Incoming:
    body = draw(bodies(source.examples))
    headers = {**vendor.headers, **(vendor.sign(body, SECRET, NOW) if vendor.sign else {})}
    if draw(st.booleans()):
        headers[draw(st.sampled_from(sorted(headers)))] = draw(HEADERS)
    query = draw(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2))
    return Incoming("POST", f"/v1/sources/{source.kind}", query, headers, body, NOW)


def require_fit_for_the_log(told: list[Told], source: Source, settings: SourceSettings) -> None:
    for entry in events_of(told, "help desk", source.kind, settings):
        assert entry.key
        assert len(entry.key.encode()) + len(entry.value) < MAX_VALUE
        decode_events_record(entry.value)
    for entry in notifications_of(told, "help desk", NOW):
        assert entry.key
        decode_notification(entry.value)


def require_documented(refused: Refused) -> None:
    assert refused.code in ITEM_CODES
    assert refused.detail
    assert not refused.pointer or refused.pointer.startswith("/")


@pytest.mark.parametrize("kind", KINDS)
@usual()
@given(data=st.data())
def test_a_body_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    source, vendor = sources()[kind], VENDORS[kind]
    settings = settings_of(source, vendor)
    incoming = data.draw(requests(source, vendor))
    if source.greet is not None:
        source.greet(incoming, settings, [SECRET.encode()])
    if source.verified is not None:
        source.verified(incoming, settings, [SECRET.encode()])
    try:
        told = list(source.read(incoming, settings))
    except Refused as refused:
        require_documented(refused)
        return
    require_fit_for_the_log(told, source, settings)
    if source.answer is not None:
        source.answer(incoming, len(told))


class AnyAnswer:
    """A vendor's API that answers anything."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> JsonObject | None:
        """See services/ingest/fetching/contract.py."""
        assert path.startswith("/")
        answer: JsonObject | None = self._data.draw(st.none() | st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
        return answer


@pytest.mark.parametrize("kind", [kind for kind in KINDS if sources()[kind].fetch is not None])
@usual()
@given(data=st.data())
def test_what_a_vendors_api_answers_is_read_or_given_up(kind: str, data: st.DataObject) -> None:
    source, vendor = sources()[kind], VENDORS[kind]
    settings = settings_of(source, vendor)
    assert source.fetch is not None
    try:
        told: Any = source.read(data.draw(requests(source, vendor)), settings)
    except Refused:
        return
    for notified in [each for each in told if isinstance(each, Notified)]:
        try:
            fetched: list[Reported] = list(asyncio.run(_fetched(source, notified, settings, AnyAnswer(data))))
        except (Refused, Unfetched):
            continue
        require_fit_for_the_log([*fetched], source, settings)


async def _fetched(source: Source, notified: Notified, settings: SourceSettings, api: AnyAnswer) -> Any:
    assert source.fetch is not None
    return await source.fetch(notified, settings, api)

"""Asks a vendor's API over HTTP, and judges what comes back."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from services.ingest.errors import Refused
from services.ingest.fetching.contract import ApiSettings, Unfetched
from services.ingest.reading.json_read import read_object
from shared.clock import Clock
from shared.outbound.http import AddressRefused, Answer, Http, Unreachable
from shared.outbound.outcomes import GiveUp, Pause, TryAgain
from shared.outbound.retry import judge_answer
from shared.records import JsonObject
from shared.secrets import SecretMissing, mask, read_secret

# As much as a vendor may send us by itself.
MAX_FETCHED = 512_000
_NOT_THERE = (404, 410)
_KEPT = 200


class HttpApi:
    """One source's API. `turn` waits until the next request may be sent."""

    def __init__(self, http: Http, settings: ApiSettings, clock: Clock, turn: Callable[[], Awaitable[None]]) -> None:
        self._http = http
        self._settings = settings
        self._clock = clock
        self._turn = turn

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> JsonObject | None:
        """See the contract."""
        secrets: list[str] = []

        def secret(reference: str) -> str:
            secrets.append(read_secret(reference))
            return secrets[-1]

        await self._turn()
        try:
            given = {"accept": "application/json", **(headers or {}), "authorization": self._settings.authorization(secret)}
            url = self._settings.base_url.rstrip("/") + path + (f"?{urlencode(params)}" if params else "")
            answer = await self._http.get(url, given, private=self._settings.private, most=MAX_FETCHED)
        except Unreachable as error:
            raise Unfetched(TryAgain(str(error))) from None
        except (AddressRefused, SecretMissing) as error:
            # It is as it is until the settings change.
            raise Unfetched(Pause(str(error))) from None
        return self._judged(answer, secrets)

    def _judged(self, answer: Answer, secrets: list[str]) -> JsonObject | None:
        if answer.status in _NOT_THERE:
            return None
        outcome = judge_answer(answer.status, answer.headers, "", self._clock())
        if isinstance(outcome, (TryAgain, GiveUp, Pause)):
            raise Unfetched(_explained(outcome, mask(answer.text, secrets)))
        if len(answer.text.encode()) >= MAX_FETCHED:
            raise Unfetched(GiveUp(f"answered with more than {MAX_FETCHED} bytes"))
        try:
            return read_object(answer.text.encode())
        except Refused as refused:
            raise Unfetched(GiveUp(f"answered with something other than a JSON object: {refused.detail}")) from None


def _explained(outcome: TryAgain | GiveUp | Pause, text: str) -> TryAgain | GiveUp | Pause:
    """The outcome with the beginning of what the vendor said."""
    said = " ".join(text.split())[:_KEPT]
    reason = f"{outcome.reason}: {said}" if said else outcome.reason
    if isinstance(outcome, TryAgain):
        return TryAgain(reason, outcome.after, outcome.throttled, outcome.status)
    return type(outcome)(reason, outcome.status)

"""A vendor's API for the tests of one source: answers by path, and remembers what it was asked."""

from collections.abc import Mapping

from services.ingest.fetching.contract import Unfetched
from shared.records import JsonObject


class AskedApi:
    """Answers with the object at the path, or raises it; where there is none, nothing is there."""

    def __init__(self, answers: Mapping[str, JsonObject | Unfetched]) -> None:
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self._answers = answers

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> JsonObject | None:
        """See services/ingest/fetching/contract.py."""
        self.asked.append((path, params or {}))
        answer = self._answers.get(path)
        if isinstance(answer, Unfetched):
            raise answer
        return answer

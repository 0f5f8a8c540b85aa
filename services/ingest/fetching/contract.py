"""What a source's `fetch` is given, for vendors whose webhooks name a thing and tell nothing of it.

    class HubspotApi(BearerApi):
        base_url: HttpUrl = "https://api.hubapi.com"
        rate: Rate = 8

    class Settings(SourceSettings):
        api: HubspotApi | None = None

    async def fetch(notified: Notified, settings: Settings, api: Api) -> Sequence[Reported]:
        found = await api.get(f"/crm/v3/objects/tickets/{segment(notified.thing)}", {"properties": "subject"})
        return bare(notified) if found is None else [...]

In the workspace: `api: {token: "env:HUBSPOT_TOKEN"}`. `fetch` lets through whatever `get` raises, and is called again later; what
it gives must therefore have the same ids each time. A thing that is gone (None) is told with what is known of it: an empty list
would lose the event.
"""

import base64
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Protocol, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.outbound.outcomes import GiveUp, Pause, TryAgain
from shared.outbound.urls import HttpUrl, url_refusal
from shared.records import JsonObject
from shared.secrets import SecretReference

# Requests a second, of one process of ingest.
Rate = Annotated[float, Field(ge=0.1, le=1_000)]
# Reads a secret by its reference.
ReadSecret = Callable[[str], str]


class Unfetched(Exception):
    """A thing could not be fetched now, and what that means: to be tried again, never, or not before somebody changes something.

    A source raises it itself where a vendor says so in other ways than HTTP's status.
    """

    def __init__(self, outcome: TryAgain | GiveUp | Pause) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class ApiSettings(BaseModel, ABC):
    """How a vendor's API is reached. A source gives `base_url` a default where all customers share one."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    base_url: HttpUrl
    rate: Rate = 5
    # How many things may be fetched at once.
    concurrency: int = Field(default=4, ge=1, le=32)
    # allowed: it may be on this machine or in the private network, and need not be https.
    private_network: Literal["allowed", "refused"] = "refused"

    @property
    def private(self) -> bool:
        """Whether addresses that are not public may be dialled."""
        return self.private_network == "allowed"

    @abstractmethod
    def authorization(self, secret: ReadSecret) -> str:
        """The header of this name. Raises SecretMissing."""

    @model_validator(mode="after")
    def _may_be_dialled(self) -> Self:
        why = url_refusal(self.base_url, private=self.private)
        if why is not None:
            raise ValueError(f"base_url: {why}")
        return self


class BearerApi(ApiSettings):
    """An API that takes a token."""

    token: SecretReference

    def authorization(self, secret: ReadSecret) -> str:
        """`Bearer` and the token."""
        return f"Bearer {secret(self.token)}"


class BasicApi(ApiSettings):
    """An API that takes a user and a password."""

    user: str
    password: SecretReference

    def authorization(self, secret: ReadSecret) -> str:
        """`Basic`, user and password."""
        return basic(self.user, secret(self.password))


class Api(Protocol):
    """A vendor's API, with the credentials of one source, no faster than its rate."""

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> JsonObject | None:
        """What is at `base_url` + `path`; None when there is nothing (404, 410).

        Raises Unfetched, as the answer is to be judged: Standard Webhooks' rules, `Retry-After`, 401 and 403 pause the source.
        """
        ...


def basic(user: str, password: str) -> str:
    """The header `Authorization` of Basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def segment(text: str) -> str:
    """A vendor's id as one segment of a path, whatever is in it. Raises Unfetched: nothing can have this id."""
    if text in ("", ".", ".."):
        raise Unfetched(GiveUp(f"there is nothing with the id {text!r}"))
    return quote(text, safe="")


def api_of(settings: BaseModel) -> ApiSettings | None:
    """How the API of a source is reached; None where it has none, or is not to be asked."""
    found = getattr(settings, "api", None)
    return found if isinstance(found, ApiSettings) else None

"""The commands' way to the system: `/api/v1` over HTTP, with the key of a person, a pull request's job or this machine."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from services.cli.failures import Found, Unreachable, WrongUsage
from shared.settings import Settings, read_settings

# The files in the data folder in which an instance keeps the keys of its own machine.
ADMIN_KEY = "admin.key"
WRITE_KEY = "write.key"
TIMEOUT_SECONDS = 30.0
PAGE = 500


def address_of(settings: Settings) -> str:
    """Where the system is: SUCCESSPLAYS_URL, else the instance of this machine."""
    if settings.url is not None:
        return settings.url.rstrip("/")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - where it listens is not where it is
    return f"http://{host}:{settings.port}"


def key_of(settings: Settings, kept_as: str) -> str:
    """The key: SUCCESSPLAYS_KEY, else the one that the local instance keeps in the data folder.

    Raises:
        WrongUsage, Unreachable: there is neither; the sentence says what to do.
    """
    if settings.key is not None:
        return settings.key.get_secret_value()
    if settings.url is not None:
        raise WrongUsage("SUCCESSPLAYS_URL is set but SUCCESSPLAYS_KEY is not: set it to a key of that system")
    try:
        return (settings.data / kept_as).read_text().strip()
    except FileNotFoundError:
        raise Unreachable(
            f"no instance keeps its key in {settings.data}: start one with `successplays up`, "
            "or set SUCCESSPLAYS_URL and SUCCESSPLAYS_KEY"
        ) from None
    except OSError as error:
        raise WrongUsage(f"{settings.data / kept_as} cannot be read: {error.strerror}") from None


def in_path(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


class Api:
    """Calls that answer JSON. What goes wrong is raised as the failure that it means."""

    def __init__(
        self, settings: Settings | None = None, kept_as: str = ADMIN_KEY, transport: httpx.BaseTransport | None = None
    ) -> None:
        given = read_settings() if settings is None else settings
        self.address = address_of(given)
        headers = {"Authorization": f"Bearer {key_of(given, kept_as)}", "User-Agent": "successplays-cli"}
        self._http = httpx.Client(
            base_url=self.address, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport
        )

    def get(self, path: str, **params: Any) -> Any:
        """What is at `path`; parameters that are None are left out."""
        return self._answer("GET", path, params={name: value for name, value in params.items() if value is not None})

    def post(self, path: str, body: Any = None) -> Any:
        """What `path` answers to `body`."""
        return self._answer("POST", path, json=body)

    def put(self, path: str, body: Any) -> Any:
        """What `path` answers once it holds `body`."""
        return self._answer("PUT", path, json=body)

    def delete(self, path: str) -> None:
        """Take away what is at `path`."""
        self._answer("DELETE", path)

    def pages(self, path: str, limit: int, **params: Any) -> Iterator[dict[str, Any]]:
        """At most `limit` items of a listing, page by page."""
        cursor: str | None = None
        while limit > 0:
            page = self.get(path, limit=min(limit, PAGE), cursor=cursor, **params)
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page.get("next")
            if cursor is None:
                return

    def _answer(self, method: str, path: str, **given: Any) -> Any:
        try:
            answer = self._http.request(method, path, **given)
        except httpx.InvalidURL as error:
            raise WrongUsage(f"SUCCESSPLAYS_URL is not a URL: {error}") from None
        except httpx.HTTPError as error:
            raise not_answering(self.address, error) from None
        if answer.is_success:
            return answer.json() if answer.content else None
        raise failure_of(answer)


def not_answering(address: str, error: httpx.HTTPError) -> Unreachable:
    """The failure of a request that got no answer."""
    return Unreachable(f"{address} does not answer ({type(error).__name__}): is `successplays up` running?")


def failure_of(answer: httpx.Response) -> Found | WrongUsage | Unreachable:
    """What an answer that is no success means to whoever asked."""
    try:
        problem = answer.json()
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"{answer.url} answered {answer.status_code}, and not as successplays does")
    if answer.status_code == 401:
        return WrongUsage(f"{answer.url.host} does not know this key: {detail}")
    if answer.status_code in (400, 403, 404, 413):
        return WrongUsage(detail)
    if answer.status_code in (409, 422):
        return Found(detail)
    return Unreachable(f"the system answered {answer.status_code}: {detail}")

"""URLs in a workspace: of destinations, and of the APIs that sources ask."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from shared.outbound.addresses import literal_refusal


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a URL begins with https:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL holds no user or password: use a secret")
    if parts.port == 0:
        raise ValueError("a port is from 1 to 65535")
    return text


HttpUrl = Annotated[str, AfterValidator(_url)]


def url_refusal(url: str, *, private: bool) -> str | None:
    """Why nothing may be sent to this URL, as far as the URL itself tells; None when it may."""
    parts = urlsplit(url)
    if private:
        return None
    if parts.scheme != "https":
        return "it must begin with https://, unless its settings say private_network: allowed"
    why = literal_refusal(parts.hostname or "")
    return None if why is None else f"{why}, unless its settings say private_network: allowed"

"""Whether a form comes from a page of ours, as far as the browser says: beside the tokens that every form carries."""

from collections.abc import Mapping
from urllib.parse import urlsplit

_OWN_PORTS = {"http": ":80", "https": ":443"}
_OURS = frozenset({"same-origin", "none"})
"""`none`: the person did it, by loading a page again for instance (Fetch Metadata, section 2.3)."""


def is_ours(headers: Mapping[str, str], scheme: str, public_url: str) -> bool:
    """Whether headers of a POST admit that a page of this origin sent it.

    `Sec-Fetch-Site` and `Origin` (RFC 6454 section 7) are the browser's own and no page can set them; a browser that
    sends neither is held against the form's token alone. `public_url` is how people reach the gateway: behind a proxy
    neither scheme nor Host need be the ones that the person sees.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in _OURS:
        return False
    origin = headers.get("origin")
    return origin is None or origin in {origin_of(public_url), f"{scheme}://{headers.get('host', '')}"}


def origin_of(url: str) -> str | None:
    """Scheme, host and port of a URL as browsers write them; None for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not parts.scheme or not parts.netloc:
        return None
    place = parts.netloc.removesuffix(_OWN_PORTS.get(parts.scheme, ""))  # which no browser writes
    return f"{parts.scheme}://{place}".lower()

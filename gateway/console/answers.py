"""Answers of the console that are no pages: redirects."""

from typing import Any

from litestar import MediaType, Response

from gateway.console.pages import PRIVATE


def see_other(location: str) -> Response[Any]:
    """Go on by GET (RFC 9110 section 15.4.4). `location` is a path of the console."""
    return Response(b"", status_code=303, media_type=MediaType.TEXT, headers={"Location": location, **PRIVATE})

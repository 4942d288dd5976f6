"""The pages that `type` of a problem document leads to: what the code means, in both languages (RFC 9457 section 4)."""

import secrets
from functools import partial
from html import escape
from typing import Any

import structlog
from litestar import MediaType, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.exchange.arrival import preferred_language
from gateway.problem_document import MEDIA_TYPE, document
from gateway.problems import PROBLEMS, Problem
from gateway.public_gate import Gate
from policies.reference import LANGUAGES

_log = structlog.get_logger(__name__)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "public, max-age=3600",
}


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What is outside the exchange and goes wrong is a problem document as well, in the caller's language."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not-found", 405: "method-not-allowed"}.get(
        status, "internal" if status >= 500 else "invalid-parameter"
    )
    language = preferred_language(request.headers.get("accept-language", "").encode("latin-1", "replace"))
    if status >= 500:
        _log.error("request failed", error=type(error).__name__)
    headers = {"Cache-Control": "no-store", "Content-Language": language}
    if isinstance(error, HTTPException) and error.headers and "Allow" in error.headers:
        headers["Allow"] = error.headers["Allow"]
    body = document(code, language, secrets.token_hex(8))
    return Response(body, status_code=PROBLEMS[code].status, headers=headers, media_type=MEDIA_TYPE.decode())


def problem_routes(gate: Gate | None = None) -> list[HTTPRouteHandler]:
    """One page for each code, and a list of all; `gate` stands before them."""

    page = partial(get, media_type=MediaType.HTML, before_request=gate, sync_to_thread=False, include_in_schema=False)

    @page("/problems/{code:str}")
    def one(code: FromPath[str]) -> Response[str]:
        problem = PROBLEMS.get(code)
        if problem is None:
            return Response(
                _page("404", "<p>There is no such problem. 没有此问题代码。</p>"), status_code=404, headers=_HEADERS
            )
        return Response(_page(code, _section(code, problem)), headers=_HEADERS)

    @page("/problems")
    def every() -> Response[str]:
        sections = "".join(_section(code, problem) for code, problem in PROBLEMS.items())
        return Response(_page("Problems 问题代码", sections), headers=_HEADERS)

    return [one, every]


def _section(code: str, problem: Problem) -> str:
    said = [(language, escape(problem.title[language]), escape(problem.advice[language])) for language in LANGUAGES]
    words = "".join(f'<p lang="{language}"><b>{title}</b><br>{advice}</p>' for language, title, advice in said)
    return f"<section><h2><code>{escape(code)}</code> · {problem.status}</h2>{words}</section>"


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)} · Clausegate</title></head><body><main>{body}</main></body></html>"
    )

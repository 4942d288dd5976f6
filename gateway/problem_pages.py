"""The pages that `type` of a problem document leads to: what the code means, in both languages (RFC 9457 section 4)."""

from html import escape

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.problems import PROBLEMS, Problem
from policies.clause import LANGUAGES

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "public, max-age=3600",
}


def problem_routes() -> list[HTTPRouteHandler]:
    """One page for each code, and a list of all."""

    @get("/problems/{code:str}", media_type=MediaType.HTML, sync_to_thread=False, include_in_schema=False)
    def one(code: FromPath[str]) -> Response[str]:
        problem = PROBLEMS.get(code)
        if problem is None:
            return Response(
                _page("404", "<p>There is no such problem. 没有此问题代码。</p>"), status_code=404, headers=_HEADERS
            )
        return Response(_page(code, _section(code, problem)), headers=_HEADERS)

    @get("/problems", media_type=MediaType.HTML, sync_to_thread=False, include_in_schema=False)
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

"""What a person is told when something fails: a page in their language, never the reason in the program."""

from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from gateway.authority_record import AuthorityError
from gateway.console.origin import is_ours
from gateway.console.pages import SECURITY_HEADERS, Pages
from gateway.console.visitor import Visitor, known_visitor
from gateway.people.roles import Allowed, who_may
from gateway.store.faults import StoreError

_log = structlog.get_logger(__name__)

_RETRY_S: Final = 5
_ERRORS: Final = {400: "error.bad_request", 404: "error.not_found", 405: "error.method", 413: "error.too_large"}
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

Web = Request[Any, Any, Any]


class Failures:
    """Answers for whatever a handler raises."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages  # and nothing that is open: Litestar copies handlers of exceptions in depth

    def answer(self, request: Web, error: Exception) -> Response[Any]:
        """A page for an HTTP error, a store or a log that fails, or a defect."""
        visitor = known_visitor(request)
        if isinstance(error, StoreError | AuthorityError):
            _log.error("people cannot be served", error=type(error).__name__)
            answer = error_page(self._pages, visitor, 503, "error.unavailable")
            answer.headers["Retry-After"] = str(_RETRY_S)
            return guarded(answer)
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status >= 500:
            _log.error("console failed", path=request.scope.get("path_template", ""), error=type(error).__name__)
        message = _ERRORS.get(status, "error.internal" if status >= 500 else "error.bad_request")
        return guarded(error_page(self._pages, visitor, status, message))


class Foreign:
    """Refuses whatever would change something and does not come from a page of ours."""

    def __init__(self, pages: Pages, public_url: str) -> None:
        self._pages, self._public_url = pages, public_url

    def __call__(self, request: Web) -> Response[Any] | None:
        """A refusal, or None to go on."""
        if request.method in _SAFE or is_ours(request.headers, request.url.scheme, self._public_url):
            return None
        return error_page(self._pages, known_visitor(request), 403, "error.bad_form")


def not_for_role(pages: Pages, visitor: Visitor, what: Allowed) -> Response[Any]:
    """Somebody is logged in whose role may not do that: which roles may, and what the person's own is."""
    t = pages.catalogue(visitor.language)
    role = visitor.session.account.role if visitor.session is not None else ""
    roles = t("role.and").join(t.role(each) for each in who_may(what))
    return error_page(pages, visitor, 403, "error.not_for_role", roles=roles, role=t.role(role))


def error_page(pages: Pages, visitor: Visitor, status: int, message: str, /, **arguments: object) -> Response[Any]:
    """One sentence about what is wrong, and the way back."""
    return pages.page(
        "error.html",
        visitor.language,
        status=status,
        session=visitor.session,
        path=visitor.path,
        here="",
        message=pages.say(visitor.language, message, **arguments),
    )


def guarded(response: Response[Any]) -> Response[Any]:
    """With the headers that every answer for people carries."""
    response.headers.update(SECURITY_HEADERS)
    return response

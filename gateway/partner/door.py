"""The door of everything below /partner/: who is calling, what they sent, and the answers in their language."""

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from gateway.credentials.noted import NoteRefusal, unnoted
from gateway.exchange.arrival import preferred_language
from gateway.exchange.asked import parameters
from gateway.exchange.identify import Verify, note_rejected
from gateway.oauth.certificates import CertificateOf, no_certificate
from gateway.oauth.grant import REPEATED, Grant, Presented, Rejected
from gateway.oauth.jose import strict_json
from gateway.partner.body_words import NO_JSON, words_of_fault
from gateway.problem_document import MEDIA_TYPE, document
from gateway.problems import PROBLEMS
from policies.reference import ClauseRef, Language, Words

BODY_BYTES_MAX = 64 * 1024
"""So much of a body is read; what partners report about themselves is small."""

_TOO_LARGE: Words = {
    "zh": f"此处的请求体至多 {BODY_BYTES_MAX // 1024} KiB。",
    "en": f"A body has at most {BODY_BYTES_MAX // 1024} KiB here.",
}
BodyT = TypeVar("BodyT")
Answer = Response[bytes]


class Visit(Struct, frozen=True):
    """A call of a partner who is known: its grant, its language, and the request as the framework gives it. `fresh` are
    headers that its next request needs: a new DPoP-Nonce, which whoever made the routes adds to the answer."""

    request: Request[Any, Any, Any]
    grant: Grant
    language: Language
    request_id: str
    time_us: int
    fresh: dict[str, str] = msgspec.field(default_factory=dict)

    def problem(
        self,
        code: str,
        *,
        detail: str = "",
        clause: ClauseRef | None = None,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """A problem document; `detail` and `errors` must not repeat what was sent."""
        return _problem(
            self.language, self.request_id, code, detail=detail, clause=clause, errors=errors, headers=headers
        )

    def answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        """A value as JSON."""
        return _sent(msgspec.json.encode(value), status, "application/json", self._headers(headers))

    def parameters(self) -> dict[str, str] | None:
        """The query, each name once; None for one that is malformed or says a name twice."""
        return parameters(self.request.scope["query_string"])

    async def body(self, kind: type[BodyT]) -> BodyT | Answer:
        """The JSON body as `kind`, read strictly; or the problem that it has."""
        content_type = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            return self.problem("unsupported-media-type")
        data = bytearray()
        async for chunk in self.request.stream():
            data += chunk
            if len(data) > BODY_BYTES_MAX:
                return self.problem("body-too-large", detail=_TOO_LARGE[self.language])
        try:
            strict_json(bytes(data))  # which member counts of two with one name is no question to be left open
            return msgspec.json.decode(data, type=kind)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `")
            words = words_of_fault(message)
            return self.problem("invalid-body", errors=[_error(path.removesuffix("`"), words[self.language])])
        except (ValueError, RecursionError):  # msgspec.DecodeError and UnicodeDecodeError are ValueErrors
            return self.problem("invalid-body", errors=[_error("", NO_JSON[self.language])])

    def invalid_member(self, member: str, words: Words) -> Answer:
        """The answer to a body that has something wrong in one member."""
        return self.problem("invalid-body", errors=[_error(member, words[self.language])])

    def _headers(self, more: dict[str, str] | None) -> dict[str, str]:
        return {"Cache-Control": "no-store", "X-Request-Id": self.request_id, **(more or {})}


Handler = Callable[[Visit], Awaitable[Answer]]


class PartnerDoor:
    """Makes routes that only a partner with a good access token gets through."""

    def __init__(
        self,
        verify: Verify,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        certificate_of: CertificateOf = no_certificate,
        note: NoteRefusal = unnoted,
    ) -> None:
        """`certificate_of` says from a scope which client certificate a request came with; `note` hears of refusals of
        clients that are known."""
        self._verify, self._now_us, self._certificate_of, self._note = verify, now_us, certificate_of, note

    def routes(self, path: str, handlers: dict[str, Handler]) -> list[HTTPRouteHandler]:
        """Handlers of one path by method, such as {"GET": list_all, "POST": create}; 405 for all other methods.

        Parameters of the path are in `visit.request.path_params`.
        """
        found = [self._route(path, method, handler) for method, handler in handlers.items()]
        allowed = ", ".join(sorted({*handlers, "OPTIONS", *(["HEAD"] if "GET" in handlers else [])}))
        others = [method for method in _METHODS if method.value not in handlers and method.value not in allowed]

        @route(path, http_method=others, status_code=405, include_in_schema=False)
        async def another_method(request: Request[Any, Any, Any]) -> Answer:
            return _problem(_language(request), secrets.token_hex(8), "method-not-allowed", headers={"Allow": allowed})

        return [*found, another_method]

    def _route(self, path: str, method: str, handler: Handler) -> HTTPRouteHandler:
        methods = [HttpMethod.GET, HttpMethod.HEAD] if method == "GET" else [HttpMethod(method)]
        made = partial(route, http_method=methods, status_code=200, include_in_schema=False)

        @made(path)
        async def handle(request: Request[Any, Any, Any]) -> Answer:
            visit = await self._admit(request)
            if isinstance(visit, Response):
                return visit
            # Nothing of ours is called so, and a database may not even be asked for it (NUL in PostgreSQL).
            named = all(str(name).isprintable() for name in request.path_params.values())
            answer = await handler(visit) if named else visit.problem("not-found")
            answer.headers.update(visit.fresh)
            return answer

        return handle

    async def _admit(self, request: Request[Any, Any, Any]) -> Visit | Answer:
        language, request_id, now_us = _language(request), secrets.token_hex(8), self._now_us()
        given = parameters(request.scope["query_string"])
        if given and "access_token" in given:
            return _problem(language, request_id, "token-in-query")
        found = await self._verify(presented(request.scope, self._certificate_of), now_us / 1_000_000)
        if isinstance(found, Rejected):
            note_rejected(self._note, found, "partner", request_id, now_us)
            return _problem(language, request_id, found.code, headers=texts(found.headers))
        return Visit(request, found.grant, language, request_id, now_us, texts(found.headers))


_METHODS = (HttpMethod.GET, HttpMethod.HEAD, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE)


def _language(request: Request[Any, Any, Any]) -> Language:
    return preferred_language(request.headers.get("accept-language", "").encode("latin-1", "replace"))


def presented(scope: Any, certificate_of: CertificateOf) -> Presented:
    """What a request that the framework handles shows of who sends it."""
    return Presented(
        _once(scope, b"authorization"),
        scope["method"],
        scope["raw_path"].partition(b"?")[0],  # some who drive the framework leave the query on it
        _once(scope, b"dpop"),
        certificate_of(scope),
    )


def texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as the framework wants them. None of those that go with a credential is there twice."""
    return {name.decode(): value.decode() for name, value in headers}


def _once(scope: Any, name: bytes) -> bytes | None:
    """A header's value; given twice it is none that could be good."""
    values = [value for given, value in scope["headers"] if given == name]
    return None if not values else values[0] if len(values) == 1 else REPEATED


def _error(path: str, detail: str) -> dict[str, str]:
    pointer = "/" + path.removeprefix("$").removeprefix(".").replace("[", ".").replace("]", "").replace(".", "/")
    return {"pointer": pointer if path else "", "code": "invalid", "detail": detail}


def _problem(
    language: Language,
    request_id: str,
    code: str,
    *,
    detail: str = "",
    clause: ClauseRef | None = None,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    said = {"Cache-Control": "no-store", "Content-Language": language, "X-Request-Id": request_id, **(headers or {})}
    body = document(code, language, request_id, detail=detail, clause=clause, errors=errors)
    return _sent(body, PROBLEMS[code].status, MEDIA_TYPE.decode(), said)


def _sent(data: bytes, status: int, content_type: str, headers: dict[str, str]) -> Answer:
    return Response(
        data, status_code=status, headers={**headers, "Content-Type": content_type}, media_type=content_type
    )

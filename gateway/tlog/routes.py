"""The published log over HTTP: the root log for everybody, a partner's own tree and proofs for that partner.

The same files could be served by any web server from the published folder, but for whose is whose: here the token says
which tree is read, never the path.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from typing import Any

import structlog
from litestar import HttpMethod, Request, Response, route
from litestar.handlers import HTTPRouteHandler

from gateway.credentials.noted import NoteRefusal, unnoted
from gateway.exchange.arrival import preferred_language
from gateway.exchange.asked import parameters
from gateway.exchange.compressing import COMPRESS_BYTES_MIN, compress
from gateway.exchange.conditional import coded, fresh
from gateway.exchange.identify import Verify, note_rejected
from gateway.exchange.negotiate import coding_of
from gateway.exchange.outcome import Outcome
from gateway.oauth.certificates import CertificateOf, no_certificate
from gateway.oauth.grant import Grant, Rejected
from gateway.partner.door import presented, texts
from gateway.problem_document import MEDIA_TYPE, document
from gateway.problems import PROBLEMS
from gateway.public_gate import Gate
from gateway.tlog import anchors
from gateway.tlog.keys import LogKeys
from gateway.tlog.layout import CHECKPOINT, ROOT, VKEY, tree_of
from gateway.tlog.media import TEXT, Media, media_of
from gateway.tlog.receipts import Searched, Sleep, Sought, await_proof, find_proof, parse_leaf_hash
from gateway.tlog.target import Target
from gateway.tlog.tiles import TileError, parse_tile_path
from policies.library import NAME_PATTERN

_log = structlog.get_logger(__name__)
_METHODS = [HttpMethod.GET, HttpMethod.HEAD]
_OTHER_METHODS = [HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
_NAMES = frozenset({CHECKPOINT, anchors.KEY, anchors.LATEST})
_SEARCHES_MAX = 4
"""Looking for a record reads a whole tree at worst: so many at a time, that other calls find a thread."""
_SEARCHES_OF_ONE_MAX = 2
"""Of one partner: whoever asks for what is nowhere, again and again, keeps nobody else waiting."""
_RETRY_S = "5"
_PROOF = Media(TEXT, "private, no-store")
"""A later proof of the same record, under a later checkpoint, is as good: this one is not for keeping in caches."""

_Request = Request[Any, Any, Any]
_Answer = Response[bytes]


class LogPages:
    """What the handlers need: where the log is published, its keys, and who may ask."""

    def __init__(
        self,
        target: Target,
        keys: LogKeys,
        verify: Verify,
        *,
        tree_delay_ms: int,
        certificate_of: CertificateOf = no_certificate,
        note: NoteRefusal = unnoted,
        now_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._target, self._keys = target, keys
        self._verify, self._certificate_of, self._note = verify, certificate_of, note
        self._wait_ms = 2 * tree_delay_ms
        self._now_s, self._monotonic_s, self._sleep = now_s, monotonic_s, sleep
        self._searches = asyncio.Semaphore(_SEARCHES_MAX)
        self._searches_of: dict[str, asyncio.Semaphore] = {}

    async def public(self, request: _Request, name: str) -> _Answer:
        """A file of the root log."""
        return await self._file(request, ROOT, name)

    async def own(self, request: _Request, name: str) -> _Answer:
        """A file of the caller's tree."""
        return await self._owned(request, lambda tree: self._file(request, tree, name))

    async def own_key(self, request: _Request) -> _Answer:
        """The verifier key of the caller's tree, which exists before the tree does."""
        return await self._owned(request, lambda tree: self.key(request, tree))

    async def key(self, request: _Request, tree: str) -> _Answer:
        """The verifier key of a tree's checkpoints."""
        return await _answer(request, _line(self._keys.verifier(tree).text()), media_of(f"{tree}/{VKEY}"))

    async def receipts_key(self, request: _Request) -> _Answer:
        """The verifier key of the promises in receipts."""
        key = self._keys.receipt_signer().verifier
        return await _answer(request, _line(key.text()), media_of(f"{ROOT}/{VKEY}"))

    async def notices_key(self, request: _Request) -> _Answer:
        """The verifier key of the notes that announce notices."""
        return await _answer(request, _line(self._keys.notice_signer().verifier.text()), media_of(f"{ROOT}/{VKEY}"))

    async def proof(self, request: _Request, leaf_text: str) -> _Answer:
        """The proof that a record of the caller's is in its tree."""
        return await self._owned(request, lambda tree: self._proof(request, tree, leaf_text))

    async def _proof(self, request: _Request, tree: str, leaf_text: str) -> _Answer:
        leaf = parse_leaf_hash(leaf_text)
        if leaf is None:
            return _problem(request, "invalid-leaf-hash")
        sought = Sought(self._target, tree, self._keys.verifier(tree))
        own = self._searches_of.setdefault(tree, asyncio.Semaphore(_SEARCHES_OF_ONE_MAX))

        async def find(after: int) -> Searched:
            async with own, self._searches:
                return await asyncio.to_thread(find_proof, sought, leaf, after)

        try:
            found = await await_proof(find, self._wait_ms, sleep=self._sleep, monotonic_s=self._monotonic_s)
        except (OSError, TileError) as error:
            return _unreadable(request, error)
        if not found:
            return _problem(request, "receipt-not-found")
        disposition = {"Content-Disposition": f'attachment; filename="{leaf.hex()}.tlog-proof"'}
        return await _answer(request, found.encode(), _PROOF, disposition)

    async def _file(self, request: _Request, tree: str, name: str) -> _Answer:
        """A file of a tree, by a name that cannot lead out of it; 404 for any other name."""
        if not _is_name(name):
            return _problem(request, "log-file-not-found")
        path = f"{tree}/{name}"
        try:
            data = await asyncio.to_thread(self._target.read, path)
        except OSError as error:
            return _unreadable(request, error)
        if data is None:
            return _problem(request, "log-empty" if name == CHECKPOINT else "log-file-not-found")
        return await _answer(request, data, media_of(path))

    async def _owned(self, request: _Request, answer: Callable[[str], Awaitable[_Answer]]) -> _Answer:
        """What `answer` makes of the tree of the partner whose token it is; 401 with a challenge without a good one."""
        given = parameters(request.scope["query_string"])
        if given and "access_token" in given:
            return _problem(request, "token-in-query")
        request_id, now_s = secrets.token_hex(8), self._now_s()
        found = await self._verify(presented(request.scope, self._certificate_of), now_s)
        if isinstance(found, Rejected):
            note_rejected(self._note, found, "partner", request_id, int(now_s * 1_000_000))
            return _problem(request, found.code, texts(found.headers), request_id)
        grant = found.grant
        answered = (
            await answer(tree_of(grant.partner)) if _is_folder(grant) else _problem(request, "log-file-not-found")
        )
        answered.headers.update(texts(found.headers))
        return answered


def log_routes(pages: LogPages, gate: Gate | None = None) -> list[HTTPRouteHandler]:
    """Handlers for the root log, for callers' own trees, and for the proofs of receipts.

    `gate` stands before the root log, which is read without a token.
    """
    reading = [*_public_routes(pages, gate), *_own_routes(pages)]
    paths = sorted(path for handler in reading for path in handler.paths)

    @route(paths, http_method=_OTHER_METHODS, status_code=405, include_in_schema=False)
    async def another_method(request: _Request) -> _Answer:
        return _problem(request, "method-not-allowed", {"Allow": "GET, HEAD, OPTIONS"})

    return [*reading, another_method]


def _public_routes(pages: LogPages, gate: Gate | None) -> list[HTTPRouteHandler]:
    public = partial(route, http_method=_METHODS, status_code=200, before_request=gate, include_in_schema=False)

    @public("/log/checkpoint")
    async def checkpoint(request: _Request) -> _Answer:
        return await pages.public(request, CHECKPOINT)

    @public("/log/vkey")
    async def vkey(request: _Request) -> _Answer:
        return await pages.key(request, ROOT)

    @public("/log/receipts/vkey")
    async def receipts_vkey(request: _Request) -> _Answer:
        return await pages.receipts_key(request)

    @public("/log/notices/vkey")
    async def notices_vkey(request: _Request) -> _Answer:
        return await pages.notices_key(request)

    @public("/log/tile/{rest:path}")
    async def tile(request: _Request) -> _Answer:
        return await pages.public(request, _after(request, "/log/"))

    return [checkpoint, vkey, receipts_vkey, notices_vkey, tile]


def _own_routes(pages: LogPages) -> list[HTTPRouteHandler]:
    @route("/partner/log/checkpoint", http_method=_METHODS, status_code=200, include_in_schema=False)
    async def checkpoint(request: _Request) -> _Answer:
        return await pages.own(request, CHECKPOINT)

    @route("/partner/log/vkey", http_method=_METHODS, status_code=200, include_in_schema=False)
    async def vkey(request: _Request) -> _Answer:
        return await pages.own_key(request)

    below = ["/partner/log/tile/{rest:path}", "/partner/log/anchors/{rest:path}"]

    @route(below, http_method=_METHODS, status_code=200, include_in_schema=False)
    async def file(request: _Request) -> _Answer:
        return await pages.own(request, _after(request, "/partner/log/"))

    # base64 has slashes in it, so that a leaf hash may be several segments of a path
    @route("/partner/receipts/{rest:path}", http_method=_METHODS, status_code=200, include_in_schema=False)
    async def proof(request: _Request) -> _Answer:
        return await pages.proof(request, _unquoted(_after(request, "/partner/receipts/")))

    return [checkpoint, vkey, file, proof]


def _after(request: _Request, prefix: str) -> str:
    """What follows a prefix of the path as it was sent: the framework's own is decoded and has slashes taken out.

    A path that begins otherwise was spelt in a way that is not canonical; as a whole it names nothing.
    """
    path: str = request.scope["raw_path"].decode("latin-1")
    return path.removeprefix(prefix)


def _unquoted(text: str) -> str:
    """The characters of base64 that are percent-encoded in a path; anything else stays and is refused as it stands."""
    for quoted, character in (("%2F", "/"), ("%2f", "/"), ("%2B", "+"), ("%2b", "+"), ("%3D", "="), ("%3d", "=")):
        text = text.replace(quoted, character)
    return text


def _is_name(name: str) -> bool:
    """Whether a name below a tree is one that is published: nothing else ever reaches the target."""
    return name in _NAMES or parse_tile_path(name) is not None or anchors.parse_page_path(name) is not None


def _is_folder(grant: Grant) -> bool:
    """Whether a partner's id is the name of one folder; every id in a contract is, so this only makes sure."""
    return NAME_PATTERN.fullmatch(grant.partner) is not None


def _line(text: str) -> bytes:
    return f"{text}\n".encode()


async def _answer(request: _Request, data: bytes, media: Media, more: dict[str, str] | None = None) -> _Answer:
    """The bytes, in a coding where that is wanted and worth it; 304 when the caller has them."""
    tag = b'"%b"' % sha256(data).hexdigest()[:32].encode()
    accept = request.headers.get("accept-encoding")
    worth_it = media.compresses and len(data) >= COMPRESS_BYTES_MIN
    coding = coding_of(accept.encode("latin-1")) if accept and worth_it else None
    if coding is not None:
        tag = coded(tag, coding)
    headers = {
        "ETag": tag.decode(),
        "Cache-Control": media.cache_control,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        **(more or {}),
    }
    known = request.headers.get("if-none-match")
    if known is not None and fresh(Outcome(200, headers=((b"etag", tag),)), known.encode("latin-1")).status == 304:
        return Response(b"", status_code=304, headers=headers)
    if coding is not None:
        data, headers["Content-Encoding"] = await compress(data, coding), coding
    return _sent(data, 200, headers, media.content_type)


def _problem(request: _Request, code: str, more: dict[str, str] | None = None, request_id: str = "") -> _Answer:
    """A problem document in the caller's language."""
    language = preferred_language(request.headers.get("accept-language", "").encode("latin-1", "replace"))
    headers = {"Cache-Control": "no-store", "Content-Language": language, **(more or {})}
    body = document(code, language, request_id or secrets.token_hex(8))
    return _sent(body, PROBLEMS[code].status, headers, MEDIA_TYPE.decode())


def _unreadable(request: _Request, error: Exception) -> _Answer:
    _log.error("the published log cannot be read", error=type(error).__name__, what=str(error))
    return _problem(request, "log-unreadable", {"Retry-After": _RETRY_S})


def _sent(data: bytes, status: int, headers: dict[str, str], content_type: str) -> _Answer:
    """The framework would say the charset of a text a second time; to HEAD the server sends no body."""
    return Response(
        data, status_code=status, headers={**headers, "Content-Type": content_type}, media_type=content_type
    )

"""The pull mode: a witness that nobody can reach fetches a log's checkpoint and tiles, and verifies them itself.

The log is any that is published as C2SP tlog-tiles below a URL: the root log at `<hub>/log`, a partner's own tree at
`<hub>/partner/log` with an access token. What is cosigned lies in the witness's folder.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import structlog
from msgspec import Struct

from adapters.base import Fault
from adapters.http_client import HttpClient, bad_header
from gateway.tlog.checkpoint import SignedCheckpoint, parse_checkpoint
from gateway.tlog.merkle import consistency_proof, frontier_at
from gateway.tlog.note import NOTE_BYTES_MAX
from gateway.tlog.tiles import TileError, TileTree
from gateway.witness.address import Address
from gateway.witness.protocol import Submission
from gateway.witness.witness import Outcome, Witness

_log = structlog.get_logger(__name__)

TIMEOUT_MS: Final = 10_000
"""For one file."""
_CONNECTIONS = 2

Seen: TypeAlias = (
    Outcome
    | Literal[
        "unreachable",  # no answer, or none that is HTTP
        "no-token",  # there is no token, or it was refused
        "no-checkpoint",  # the log has published nothing yet
        "unreadable",  # a tile is missing, or is none
        "unfounded",  # the tiles do not make the root of the checkpoint
        "rolled-back",  # the log shows a smaller tree than the one that was cosigned
    ]
)
PASSING: Final[frozenset[Seen]] = frozenset(
    {"unreachable", "no-token", "no-checkpoint", "unreadable", "not-saved", "other-size"}
)
"""What may be otherwise next time, and says nothing against the log."""
_ALARMING: Final[frozenset[Seen]] = frozenset({"fork", "inconsistent", "unfounded", "rolled-back"})


class Look(Struct, frozen=True):
    """What one look at a log came to. `origin` and `size` are those of its checkpoint, "" and 0 when there was none."""

    url: str
    seen: Seen
    origin: str = ""
    size: int = 0
    detail: str = ""


class TokenError(Exception):
    """There is no token that could be sent; the text does not repeat it."""


class FetchError(OSError):
    """A file could not be had. `seen` is what that makes of the look."""

    def __init__(self, seen: Seen, detail: str) -> None:
        super().__init__(detail)
        self.seen, self.detail = seen, detail


def token_from_file(path: Path) -> Callable[[], str]:
    """The token that a file holds at the moment: access tokens end soon, and another program renews them."""

    def read() -> str:
        try:
            token = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise TokenError("the token file cannot be read") from None
        if bad_header("Authorization", f"Bearer {token}"):
            raise TokenError("the token file holds no token")
        return token

    return read


class Watch:
    """One log to look at. `token` gives the access token to send, None sends none."""

    def __init__(self, witness: Witness, url: str, address: Address, token: Callable[[], str] | None) -> None:
        self.url = url
        self._witness, self._address, self._token = witness, address, token
        self._said: tuple[Seen, str] | None = None

    async def look(self) -> Look:
        """Fetch the checkpoint, verify that it continues the one before, cosign it. What fails is said, not raised."""
        try:
            headers = {} if self._token is None else {"Authorization": f"Bearer {self._token()}"}
        except TokenError as error:
            return self._say(Look(self.url, "no-token", detail=str(error)))
        client = HttpClient(self._address.origin, headers, _CONNECTIONS)
        try:
            return self._say(await self._look(client))
        except FetchError as error:
            return self._say(Look(self.url, error.seen, detail=error.detail))
        finally:
            await client.close()

    async def _look(self, client: HttpClient) -> Look:
        data = await self._get(client, "checkpoint")
        if data is None:
            return Look(self.url, "no-checkpoint")
        signed = parse_checkpoint(data)
        if signed is None:
            return Look(self.url, "malformed")
        origin, size = signed.checkpoint.origin, signed.checkpoint.size
        refusal = self._witness.refusal(signed)
        if refusal is not None:
            return Look(self.url, refusal.outcome, origin, size)
        latest = self._witness.latest(origin)
        old_size = latest.checkpoint.size if latest is not None else 0
        if size < old_size:
            return Look(self.url, "rolled-back", origin, size, f"{old_size} cosigned")
        fetch = _threaded(lambda path: self._get(client, path))
        try:
            submission = await asyncio.to_thread(_submission, TileTree(fetch, size), old_size, signed)
        except TileError as error:
            return Look(self.url, "unreadable", origin, size, str(error))
        if submission is None:
            return Look(self.url, "unfounded", origin, size)
        reply = await asyncio.to_thread(self._witness.submit, submission)
        return Look(self.url, reply.outcome, origin, size)

    async def _get(self, client: HttpClient, path: str) -> bytes | None:
        """A file below the log's URL. Raises FetchError."""
        target = f"{self._address.path}/{path}"
        answer = await client.get(target, timeout_ms=TIMEOUT_MS, max_bytes=NOTE_BYTES_MAX)
        if isinstance(answer, Fault):
            raise FetchError("unreachable", f"{path}: {answer.kind}")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise FetchError("no-token" if answer.status in (401, 403) else "unreachable", f"{path}: {answer.status}")
        return answer.body

    def _say(self, look: Look) -> Look:
        """Once for each change; what the witness itself cosigns and refuses it says itself."""
        now = (look.seen, look.detail)
        if now != self._said and look.seen != "cosigned":
            say = _log.critical if look.seen in _ALARMING else _log.warning
            say("not cosigned", url=look.url, origin=look.origin, size=look.size, seen=look.seen, detail=look.detail)
        self._said = now
        return look


async def keep_watching(watches: Sequence[Watch], interval_s: float) -> None:
    """Look at each log again and again, until cancelled. What goes wrong with one look is over with it."""
    while watches:
        for watch in watches:
            try:
                await watch.look()
            except Exception as error:  # the next look is another chance
                _log.error("a look failed", error=type(error).__name__)
        await asyncio.sleep(interval_s)


async def watch_until_interrupted(watches: Sequence[Watch], interval_s: float) -> None:
    """The same until SIGINT or SIGTERM."""
    task = asyncio.create_task(keep_watching(watches, interval_s))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.gather(task, return_exceptions=True)


def _submission(tree: TileTree, old_size: int, signed: SignedCheckpoint) -> Submission | None:
    """What the tiles say; None when they do not make the checkpoint's root. Raises TileError, FetchError."""
    if frontier_at(tree.size, tree.node).root() != signed.checkpoint.root:
        return None
    proof = consistency_proof(old_size, tree.size, tree.node)
    return Submission(old_size, tuple(proof), signed, frontier_at(old_size, tree.node).root())


def _threaded(get: Callable[[str], Coroutine[Any, Any, bytes | None]]) -> Callable[[str], bytes | None]:
    """The same for a thread beside the running loop."""
    loop = asyncio.get_running_loop()
    return lambda path: asyncio.run_coroutine_threadsafe(get(path), loop).result()

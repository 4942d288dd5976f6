"""Harbor Bank's own interface in the demo: financing quotes, behind an authorization server of its own.

Deterministic: the same question has the same answer. Run as `python -m gateway.demo.bank`; its client secret comes in
the environment variable CLAUSEGATE_DEMO_BANK_SECRET. A bad day can be had: `--slow-days 2026-08-14 --delay-ms 2500`
answers late on these days (UTC), and while a file named by `--slow-while` exists it is late on any day.
"""

import argparse
import asyncio
import base64
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

import msgspec
import uvicorn
from msgspec import Struct

from gateway.server import listen

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Reply: TypeAlias = tuple[int, dict[str, Any]]

CLIENT_ID: Final = "hengtai"
SECRET_VARIABLE: Final = "CLAUSEGATE_DEMO_BANK_SECRET"  # noqa: S105 - where it is, not what it is
TOKEN_LIFETIME_S: Final = 300
_LEAST, _MOST = Decimal(10_000), Decimal(5_000_000)
_CENT: Final = Decimal("0.01")
_MONEY: Final = re.compile(r"[0-9]{1,12}\.[0-9]{2}")


class Slowness(Struct, frozen=True):
    """When the bank is late, and by how much: on these days (UTC), and while a file exists."""

    days: frozenset[date] = frozenset()
    delay_ms: int = 0
    while_exists: Path | None = None

    def delay_s(self, now_s: float) -> float:
        """How late an answer is at a moment (Unix seconds)."""
        is_day = datetime.fromtimestamp(now_s, UTC).date() in self.days
        is_asked = self.while_exists is not None and self.while_exists.exists()
        return self.delay_ms / 1000 if is_day or is_asked else 0.0


def yearly_rate(months: int) -> Decimal:
    """In percent: 3.60 for half a year, 0.05 more for every further quarter."""
    return Decimal("3.60") + Decimal("0.05") * ((months - 6) // 3)


def quote(amount: Decimal, months: int) -> dict[str, Any]:
    """An annuity: equal instalments, the last cent of each rounded half even."""
    rate = yearly_rate(months)
    monthly = rate / 1200
    factor = (1 + monthly) ** months
    instalment = (amount * monthly * factor / (factor - 1)).quantize(_CENT, ROUND_HALF_EVEN)
    return {
        "amount": f"{amount:.2f}",
        "months": months,
        "yearly_rate_percent": f"{rate:.2f}",
        "instalment": f"{instalment:.2f}",
        "total": f"{instalment * months:.2f}",
        "currency": "CNY",
    }


class Bank:
    """A raw ASGI application: POST /oauth/token, POST /quotes, GET /rates/{months}."""

    def __init__(self, secret: str, slowness: Slowness, now_s: Callable[[], float] = time.time) -> None:
        self._basic = "Basic " + base64.b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()
        self._slowness, self._now_s = slowness, now_s
        self._tokens: dict[str, float] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        body = await _body(receive)
        status, value = await self._reply(scope, body)
        data = msgspec.json.encode(value)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    async def _reply(self, scope: Message, body: bytes) -> Reply:
        method, path = scope["method"], scope["path"]
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if (method, path) == ("POST", "/oauth/token"):
            return self._token(authorization, body)
        if not self._is_known(authorization.removeprefix("Bearer ")):
            return 401, {"error": "invalid_token"}
        await asyncio.sleep(self._slowness.delay_s(self._now_s()))
        if (method, path) == ("POST", "/quotes"):
            return _quoted(body)
        months = path.removeprefix("/rates/")
        if method == "GET" and months.isdecimal() and 6 <= int(months) <= 60:
            return 200, {"months": int(months), "yearly_rate_percent": f"{yearly_rate(int(months)):.2f}"}
        return 404, {"error": "not found"}

    def _token(self, authorization: str, body: bytes) -> Reply:
        if not secrets.compare_digest(authorization.encode(), self._basic.encode()):
            return 401, {"error": "invalid_client"}
        if parse_qs(body.decode("latin-1")).get("grant_type") != ["client_credentials"]:
            return 400, {"error": "unsupported_grant_type"}
        now_s = self._now_s()
        self._tokens = {token: until_s for token, until_s in self._tokens.items() if until_s > now_s}
        token = secrets.token_urlsafe(24)
        self._tokens[token] = now_s + TOKEN_LIFETIME_S
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME_S}

    def _is_known(self, token: str) -> bool:
        return self._tokens.get(token, 0.0) > self._now_s()


def _quoted(body: bytes) -> Reply:
    try:
        asked = msgspec.json.decode(body, type=dict[str, Any])
        amount, months = str(asked["amount"]), int(asked["months"])
    except (msgspec.MsgspecError, KeyError, ValueError):
        return 400, {"error": "amount and months are needed"}
    if not _MONEY.fullmatch(amount) or not 6 <= months <= 60:
        return 400, {"error": "amount and months are needed"}
    if not _LEAST <= Decimal(amount) <= _MOST:
        return 422, {"reason": "amount-too-small" if Decimal(amount) < _LEAST else "amount-too-large"}
    return 200, quote(Decimal(amount), months)


async def _body(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def main() -> None:
    """Serve until SIGTERM. Says `bank http://127.0.0.1:P` once it can be called; port 0 takes a free one."""
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.bank", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--until-eof", action="store_true", help="end as soon as standard input ends")
    parser.add_argument("--slow-days", type=date.fromisoformat, nargs="*", default=[], help="days (UTC) to be late on")
    parser.add_argument("--slow-while", type=Path, default=None, help="be late while this file exists")
    parser.add_argument("--delay-ms", type=int, default=2_500, help="how late")
    arguments = parser.parse_args()
    slowness = Slowness(frozenset(arguments.slow_days), arguments.delay_ms, arguments.slow_while)
    app = Bank(os.environ[SECRET_VARIABLE], slowness)
    listening = listen("127.0.0.1", arguments.port)
    config = uvicorn.Config(
        app, http="httptools", loop="uvloop", ws="none", lifespan="off", access_log=False, log_config=None
    )
    print(f"bank http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server = uvicorn.Server(config)
    if arguments.until_eof:
        threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    server.run(sockets=[listening])


def _end_with_input(server: uvicorn.Server) -> None:
    while sys.stdin.read(4096):
        pass
    server.should_exit = True


if __name__ == "__main__":
    main()

"""A connection to Redis or Valkey from its URL: one server, one behind Sentinel, or a cluster."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, unquote

from msgspec import Struct
from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

Client: TypeAlias = "Redis | RedisCluster"

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_URL = re.compile(
    r"(?P<scheme>[a-z+]+)://(?:(?P<login>[^/?#]*)@)?(?P<hosts>[^/?#@]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>\d{1,5}))?")
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_SCHEMES: Final = (
    "redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, redis+cluster://, rediss+cluster://"
)


class BadRedisUrl(ValueError):  # noqa: N818 - a value that is bad, not something that went wrong
    """A URL that cannot be used; the text says why, and never shows what may be a password."""


class StoreAddress(Struct, frozen=True):
    """What a URL says. `login`: user, password, TLS files, as redis-py names them: never on any log."""

    kind: str
    hosts: tuple[tuple[str, int], ...]
    path: str
    service: str
    login: Mapping[str, Any]

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"StoreAddress({self.kind})"


def parse_redis_url(url: str) -> StoreAddress:
    """Read a URL. Raises BadRedisUrl.

    `redis://[user:password@]host[:port][/database]`, `rediss://` with TLS, `unix://[user:password@]/path`,
    `redis+sentinel://host:port,host:port/service[/database]` and `redis+cluster://host:port,host:port`, these two with
    `rediss` for TLS. Parameters: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` (files), `ssl_check_hostname`, `db`,
    and `sentinel_username`, `sentinel_password` for sentinels that ask for them.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise BadRedisUrl("it is not a URL")
    secure = found["scheme"].startswith("rediss")
    kind = {"redis": "one", "rediss": "one", "unix": "unix"}.get(found["scheme"]) or (
        re.sub(r"\Arediss?\+", "", found["scheme"]) if "+" in found["scheme"] else ""
    )
    if kind not in {"one", "unix", "sentinel", "cluster"}:
        raise BadRedisUrl(f"its scheme is none of {_SCHEMES}")
    login = {"ssl": True} if secure else {}
    login |= _user(found["login"]) | _parameters(found["query"] or "", kind, secure)
    path = unquote(found["path"] or "")
    if kind == "unix":
        if found["hosts"] or len(path) < 2:
            raise BadRedisUrl("a socket is named by an absolute path, as in unix:///run/redis.sock")
        return StoreAddress(kind, (), path, "", login)
    port = _SENTINEL_PORT if kind == "sentinel" else _PORT
    hosts = tuple(_host(text, port) for text in found["hosts"].split(","))
    if kind == "one" and len(hosts) > 1:
        raise BadRedisUrl("several hosts are redis+sentinel:// or redis+cluster://")
    service, database = _place(kind, path)
    return StoreAddress(kind, hosts, "", service, login if database is None else login | {"db": database})


def connect(url: str, timeout_ms: int = 500) -> Client:
    """A client that connects when it is first used. Nothing is tried again inside it. Raises BadRedisUrl.

    `timeout_ms` bounds connecting and each answer; who has to be quicker than that gives up by itself.
    """
    address = parse_redis_url(url)
    timeout_s = timeout_ms / 1000
    common: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    login = dict(address.login)
    sentinel_login = {
        name.removeprefix("sentinel_"): login.pop(name) for name in list(login) if name.startswith("sentinel_")
    }
    if address.kind == "unix":
        return Redis(unix_socket_path=address.path, **login, **common)
    if address.kind == "sentinel":
        tls = {name: value for name, value in login.items() if name.startswith("ssl")}
        made: Any = Sentinel
        sentinel = made(address.hosts, sentinel_kwargs={**sentinel_login, **tls, **common}, **login, **common)
        master: Redis = sentinel.master_for(address.service)
        return master
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return RedisCluster(startup_nodes=nodes, **login, **common)
    host, port = address.hosts[0]
    return Redis(host=host, port=port, **login, **common)


def _user(login: str | None) -> dict[str, Any]:
    if login is None:
        return {}
    name, _, password = login.partition(":")
    given = {"username": unquote(name), "password": unquote(password)}
    return {key: value for key, value in given.items() if value}


def _parameters(query: str, kind: str, secure: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _TLS_FILES and secure:
            values[name] = value
        elif name == "ssl_check_hostname" and secure and value in {"true", "false"}:
            values[name] = value == "true"
        elif name == "db" and kind in {"one", "unix"} and value.isdecimal():
            values[name] = int(value)
        elif name in {"sentinel_username", "sentinel_password"} and kind == "sentinel":
            values[name] = value
        else:
            raise BadRedisUrl(f"its parameter number {len(values) + 1} is not one that may stand there")
    return values


def _host(text: str, port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    number = int(found["port"]) if found is not None and found["port"] else port
    if found is None or not 1 <= number <= 65_535:
        raise BadRedisUrl("a host or its port cannot be read; a password is percent-encoded")
    return found["six"] or found["name"], number


def _place(kind: str, path: str) -> tuple[str, int | None]:
    """(service, database) that a path names."""
    parts = [part for part in path.split("/") if part]
    service = parts.pop(0) if kind == "sentinel" and parts else ""
    if kind == "sentinel" and not service:
        raise BadRedisUrl(
            "it does not name the service that sentinels watch, as in redis+sentinel://host:26379/service"
        )
    if not parts:
        return service, None
    if kind == "cluster" or len(parts) > 1 or not parts[0].isdecimal():
        raise BadRedisUrl("what stands after the host is not a database's number")
    return service, int(parts[0])

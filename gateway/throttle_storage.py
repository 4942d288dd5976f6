"""Where slowapi keeps counts that processes share: the setting `redis_url` in the words of the limits library."""

from typing import Any, Final
from urllib.parse import quote

from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, RedisError
from redis.retry import Retry

from gateway.limits.connection import StoreAddress, parse_redis_url

TIMEOUT_S: Final = 0.25
"""Nobody waits longer for a shared count."""
AWAY: Final = (RedisError, RedisClusterException, OSError)
"""What is raised while it cannot be reached."""


def storage_of(url: str) -> tuple[str, dict[str, Any]]:
    """The URI of a storage, without anything secret in it, and its options. Raises BadRedisUrl."""
    address = parse_redis_url(url)
    login = dict(address.login)
    sentinel_login = {name.removeprefix("sentinel_"): login.pop(name) for name in _of_sentinels(login)}
    # a connection that the server closed meanwhile is made anew at once; one that does not answer is not tried again
    again = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    timeouts = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    options = {**login, **timeouts, "retry": again}
    if address.kind == "unix":
        return f"redis+unix://{quote(address.path)}", options
    if address.kind == "one":
        return f"{'rediss' if options.pop('ssl', False) else 'redis'}://{_hosts(address)}", options
    if address.kind == "cluster":
        return f"redis+cluster://{_hosts(address)}", options
    tls = {name: value for name, value in login.items() if name.startswith("ssl")}
    # limits would show the servers' password to the sentinels
    of_sentinels = {"username": None, "password": None, **sentinel_login, **tls, **timeouts, "retry": again}
    # replicas lag behind: a count that is looked at has to be the one that was made
    options |= {"sentinel_kwargs": of_sentinels, "use_replicas": False}
    return f"redis+sentinel://{_hosts(address)}/{address.service}", options


def _of_sentinels(login: dict[str, Any]) -> list[str]:
    return [name for name in login if name.startswith("sentinel_")]


def _hosts(address: StoreAddress) -> str:
    return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts)

"""Single use of assertions, proofs and signatures across workers and nodes: SET NX EX in Redis or Valkey."""

import math

from redis.exceptions import RedisError

from gateway.limits.connection import Client, connect
from gateway.oauth.replay import Claim, replay_key


class RedisReplayCache:
    """Shared by every node that uses the same server. A fault of any kind is `unavailable`, never `first`.

    Keys are `clausegate:jti:<sha256>`, one per command, so Redis Cluster may place them anywhere.
    """

    def __init__(self, redis: Client) -> None:
        self._redis = redis

    @classmethod
    def connect(cls, url: str, timeout_ms: int = 500) -> "RedisReplayCache":
        """Connects when it is used first. Raises BadRedisUrl. `timeout_ms` bounds connecting and each answer."""
        return cls(connect(url, timeout_ms))

    async def close(self) -> None:
        await self._redis.aclose()

    async def claim(self, who: str, jti: str, now_s: float, until_s: float) -> Claim:
        name = "clausegate:jti:" + replay_key(who, jti).hex()
        lifetime_s = max(1, math.ceil(until_s - now_s))
        try:
            stored = await self._redis.set(name, b"1", nx=True, ex=lifetime_s)
        except (RedisError, OSError, TimeoutError):
            return "unavailable"
        return "first" if stored else "again"

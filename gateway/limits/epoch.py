"""Agreeing with the other workers on which counters count, and putting them back when a store has lost them.

A store that was emptied, or another one in its place, has no epoch; one that was restarted, or a replica that took
over, has one of another server process, and may know less than was counted. In both cases a new epoch begins, in which
nothing is decided before every worker that is alive has put back what it knows (epoch.lua, restore.lua).
"""

import asyncio
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from redis.asyncio import RedisCluster
from redis.exceptions import NoScriptError, ResponseError

from gateway.limits.book import Book
from gateway.limits.connection import Client
from gateway.limits.layout import charge_arguments, charge_keys, epoch_keys, seed_arguments, seed_keys
from gateway.limits.pipe import GRACES
from gateway.limits.scripts import SCRIPTS, Script, script_for
from policies.limit import Charge, Moment
from policies.seed import Seed

DEAD_US: Final = 3_000_000
"""A worker that was not heard of for so long is not waited for."""
_STEP_S: Final = 1.0
"""One exchange of rebuilding with the store takes no longer; a decision does not wait for it so long."""
_SEEDS_MAX: Final = 50
"""Counters put back by one command."""
_ALIVE: Final = "clausegate:{workers}:alive"
_SEEDING: Final = "clausegate:{workers}:seeding"


def is_of_one_key(error: BaseException) -> bool:
    """The store works, but somebody put something else under one of the keys: no reason to give it up for others."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


class Presence:
    """What a heartbeat brought: whether the store knew this worker, and whose counters are being rebuilt."""

    def __init__(self, known: bool, workers: tuple[str, ...], seeding: tuple[str, ...]) -> None:
        self.known, self.workers, self.seeding = known, workers, seeding


class Epochs:
    """One worker's part. Every method but `presence` is about one agreement; all raise what the client raises."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.worker = secrets.token_hex(8)
        self._servers: dict[str, tuple[str, float]] = {}
        self._loaded: set[tuple[str, str]] = set()
        self.peers: tuple[str, ...] = ()
        self.evicting = False

    async def presence(self, seeding: Iterable[str]) -> Presence:
        """Say that this worker lives and whose rebuilding it is at; learn who else lives."""
        server = await self._server(_ALIVE, forced=False)
        keys, arguments = [_ALIVE, _SEEDING], [self.worker, DEAD_US, *seeding]
        reply = await self._run("presence", server, keys, arguments)
        count = int(reply[2])
        names = [each.decode() for each in reply[3:]]
        self.peers = tuple(names[:count])
        return Presence(bool(int(reply[1])), self.peers, tuple(names[count:]))

    async def leave(self) -> None:
        """Nobody needs to wait for this worker any more."""
        async with asyncio.timeout(_STEP_S):
            await self._client.zrem(_ALIVE, self.worker)

    async def join(self, book: Book, forced: bool) -> bool:
        """Agree on an epoch, put back what is known where it is a new one, and charge what was admitted without it.

        Whether counters had been lost. `book.open` says whether the epoch is open. `forced`: ask the server anew which
        process it is.
        """
        try:
            return await self._join(book, forced)
        except NoScriptError:  # another process since it was asked
            return await self._join(book, True)

    async def _join(self, book: Book, forced: bool) -> bool:
        names = epoch_keys(book.agreement)
        server = await self._server(names[0], forced)
        arguments = ["begin", self.worker, server, secrets.token_hex(8), DEAD_US, *self.peers]
        state, of, number, *_ = (await self._run("epoch", server, names, arguments)).decode().split()
        epoch, before = f"{of} {number}", book.epoch
        if epoch != before or state != "open":
            book.open = False
        if epoch != before:
            await book.quiet()
            await self._restore(book, server, epoch, soft=state == "open" and not before)
            book.epoch, book.server, book.seeds = epoch, server, ()
        if state != "open":
            marker = await self._run("epoch", server, names, ["seeded", self.worker])
            state = marker.decode().partition(" ")[0]
        if state == "open":
            await self.settle(book)
        book.open, book.seeding = state == "open", state != "open"
        return epoch != before and bool(before)

    async def settle(self, book: Book) -> None:
        """Charge what was admitted without the store, and tell it what has ended."""
        while book.releases:
            await self._timed(self._client.zrem(*book.releases[-1]))
            book.releases.pop()
        if book.outage is not None:
            now_us = time.time_ns() // 1000
            await self._put(book, book.server, book.epoch, book.mirror.held(now_us), soft=True)
            while (owed := book.outage.take(now_us)) is not None:
                try:
                    await self._charge(book, *owed)
                except BaseException as error:
                    book.outage.owe(*owed)
                    if is_of_one_key(error):
                        return  # tried again with the next heartbeat: the store itself works
                    raise
        book.outage = None

    async def renew(self, book: Book) -> None:
        """Exchanges of this worker that last long are still in flight."""
        lasting = book.mirror.lasting(time.time_ns() // 1000)
        if lasting:
            await self._put(book, book.server, book.epoch, lasting, soft=True)

    async def _charge(self, book: Book, charge: Charge, at: Moment) -> None:
        keys = charge_keys(book.agreement, [charge])
        arguments = ["add", f"open {book.epoch}", "", 0, at.time_us, "", *charge_arguments([charge], at.time_us)]
        reply = await self._run("decide", book.server, keys, arguments)
        if reply[0] != b"ok":
            raise ConnectionError("the counters were lost meanwhile")

    async def _restore(self, book: Book, server: str, epoch: str, soft: bool) -> None:
        now_us = time.time_ns() // 1000
        await self._put(book, server, epoch, (*book.seeds, *book.mirror.seeds(now_us)), soft)

    async def _put(self, book: Book, server: str, epoch: str, seeds: Sequence[Seed], soft: bool) -> None:
        for start in range(0, len(seeds), _SEEDS_MAX):
            some = seeds[start : start + _SEEDS_MAX]
            keys = seed_keys(book.agreement, some)
            if not await self._run("restore", server, keys, [epoch, *seed_arguments(some, soft)]):
                raise ConnectionError("the counters were lost again meanwhile")

    async def _run(self, name: str, server: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        script = script_for(name, server)
        try:
            return await self._timed(self._client.evalsha(script.sha, len(keys), *keys, *arguments))
        except NoScriptError:
            if await self._server(keys[0], forced=True) != server:
                raise
            return await self._timed(self._client.evalsha(script.sha, len(keys), *keys, *arguments))

    async def _server(self, key: str, forced: bool) -> str:
        """The run id of the process that keeps a key; it knows the scripts."""
        node = await self._node(key)
        known, asked_s = self._servers.get(node, ("", 0.0))
        if known and not forced and time.monotonic() - asked_s < _STEP_S:
            return known
        about = await self._timed(self._on_node(key, "INFO", "server", "memory"))
        server = str(about.get("run_id", "unknown"))
        self._servers[node] = (server, time.monotonic())
        if forced or (node, server) not in self._loaded:
            self.evicting = int(about.get("maxmemory", 0)) > 0 and about.get("maxmemory_policy") != "noeviction"
            await self._timed(self._load(key, [script_for(name, server) for name in SCRIPTS]))
            self._loaded.add((node, server))
        return server

    async def _load(self, key: str, scripts: Sequence[Script]) -> None:
        if isinstance(self._client, RedisCluster):
            for script in scripts:
                await self._on_node(key, "SCRIPT LOAD", script.text)
            return
        pipeline: Any = self._client.pipeline(transaction=False)
        for script in scripts:
            pipeline.execute_command("SCRIPT LOAD", script.text)
        await pipeline.execute()

    async def _node(self, key: str) -> str:
        if not isinstance(self._client, RedisCluster):
            return ""
        await self._timed(self._client.initialize())
        return str(self._keeper(key).name)

    def _keeper(self, key: str) -> Any:
        """The node of a cluster that keeps a key. Raises ConnectionError."""
        cluster: Any = self._client
        node = cluster.get_node_from_key(key)
        if node is None:
            raise ConnectionError("no node keeps the key's slot")
        return node

    async def _on_node(self, key: str, *command: str) -> Any:
        client: Any = self._client
        if not isinstance(self._client, RedisCluster):
            return await client.execute_command(*command)
        node = self._keeper(key)
        reply = await client.execute_command(*command, target_nodes=node)
        return next(iter(reply.values())) if isinstance(reply, dict) and node.name in reply else reply

    async def _timed(self, asked: Any) -> Any:
        """Raises TimeoutError. An answer that is there when time is up, because this process was busy, counts."""
        task = asyncio.ensure_future(asked)
        try:
            await asyncio.wait({task}, timeout=_STEP_S)
            for _ in range(GRACES):
                if task.done():
                    return task.result()
                await asyncio.sleep(0)
            raise TimeoutError
        finally:
            task.cancel()

"""How counters stand right now, for who looks at them beside a gateway: asked of the store that gateways share, or
computed anew from the audit log."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

from redis.exceptions import RedisError

from gateway.audit.faults import CorruptLogError
from gateway.limits.charging import Charging
from gateway.limits.connection import BadRedisUrl, Client, connect
from gateway.limits.layout import agreement_of, charge_arguments, charge_keys, epoch_keys, read_answer, standings_of
from gateway.limits.replay import replayed
from gateway.limits.scripts import script_for
from gateway.workers.bundled_valkey import remembered_url
from gateway.workspace import Workspace
from policies.limit import Charge, InFlight, Moment, Standing

Source: TypeAlias = Literal["log", "redis"]
_PATIENCE_MS: Final = 2_000


class StandingUnknown(Exception):  # noqa: N818 - what is not known, not what went wrong
    """Nobody can say how the counters stand; the text is for the operator."""


async def standings_now(
    workspace: Workspace, charging: Charging, charges: Sequence[Charge], now: Moment
) -> tuple[Source, tuple[Standing | None, ...]]:
    """One standing for each charge, None for what the log cannot tell: what is in flight. Raises StandingUnknown.

    Where a shared store holds no counters, no gateway counts in it: the next one begins with what the log says.
    """
    url = workspace.settings.redis_url or remembered_url(workspace.folder)
    if url:
        shared = await _from_redis(url, charges, now)
        if shared is not None:
            return "redis", shared
    return "log", await _from_log(workspace, charging, charges, now)


async def _from_redis(url: str, charges: Sequence[Charge], now: Moment) -> tuple[Standing, ...] | None:
    """What the shared store says; None where its counters are not those of gateways now. Changes nothing in it."""
    try:
        client = connect(url, _PATIENCE_MS)
    except BadRedisUrl as error:
        raise StandingUnknown(f"redis_url cannot be used: {error}") from None
    found: dict[str, Standing] = {}
    try:
        async with asyncio.timeout(_PATIENCE_MS / 1000):
            for agreement in dict.fromkeys(agreement_of(charge.key) for charge in charges):
                own = [charge for charge in charges if agreement_of(charge.key) == agreement]
                standings = await _looked(client, agreement, own, now)
                if standings is None:
                    return None
                found |= {charge.key: standing for charge, standing in zip(own, standings, strict=True)}
    except (RedisError, OSError, TimeoutError) as error:
        raise StandingUnknown(f"the shared counters cannot be reached: {type(error).__name__}") from None
    finally:
        await client.aclose()
    return tuple(found[charge.key] for charge in charges)


async def _looked(
    client: Client, agreement: str, charges: Sequence[Charge], now: Moment
) -> tuple[Standing, ...] | None:
    """One look at the counters of an agreement, in the epoch that its gateways count in."""
    epoch: Any = await client.get(epoch_keys(agreement)[0])
    if epoch is None or not epoch.startswith(b"open "):
        return None
    keys = charge_keys(agreement, charges)
    arguments = ("look", epoch, "", 0, now.time_us, "", *charge_arguments(charges, now.time_us))
    reply = await client.eval(script_for("decide", "").text, len(keys), *keys, *arguments)
    if reply[0] != b"ok":  # lost since it was asked for
        return None
    return standings_of(read_answer(reply, charges), charges, now, known=False)


async def _from_log(
    workspace: Workspace, charging: Charging, charges: Sequence[Charge], now: Moment
) -> tuple[Standing | None, ...]:
    try:
        counters = await asyncio.to_thread(replayed, workspace, charging, now)
    except (CorruptLogError, OSError) as error:
        raise StandingUnknown(f"the log cannot be read: {error}; `clausegate verify` says more") from None
    found = await counters.standings(charges, now)
    return tuple(
        None if isinstance(charge.limit, InFlight) else standing
        for charge, standing in zip(charges, found, strict=True)
    )

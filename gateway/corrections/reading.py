"""Reads a record as its reporter would be shown it: the agreement's rows and mask, and nothing beside them."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Adapter, Query
from contracts.plan import Plan
from gateway.exchange.asked import Asked, is_key
from gateway.exchange.call import call
from gateway.exchange.outcome import Outcome
from gateway.exchange.shape import select


class Unreadable(Struct, frozen=True):
    """The backend gave no record and did not say that there is none; `code` is of gateway/problems.py."""

    code: str


class Reader(Protocol):
    """Reads records through views."""

    async def read(self, plan: Plan, key: str) -> Mapping[str, Any] | Unreadable | None:
        """The record as the plan's partner may see it, numbers exact; None when it may see none under this key."""


class ViewReader:
    """Reads by the adapters that a gateway or a command has connected, by the name of their backend."""

    def __init__(self, adapters: Callable[[], Mapping[str, Adapter]]) -> None:
        self._adapters = adapters

    async def read(self, plan: Plan, key: str) -> Mapping[str, Any] | Unreadable | None:
        """As `Reader.read`."""
        adapter = self._adapters().get(plan.backend)
        if adapter is None:
            return Unreadable("backend-unreachable")
        if not is_key(key):
            return None
        single, query = replace(plan, operation="get"), Query(key=key)
        answer = await call(adapter, single, query)
        if isinstance(answer, Outcome):
            return None if answer.code == "record-not-found" else Unreadable(answer.code)
        shown = select(single, Asked(query), answer)
        if isinstance(shown, Outcome):
            return Unreadable(shown.code)
        if not shown.records:
            return None
        record: Mapping[str, Any] = json.loads(plan.mask.encode(shown.records[0]), parse_float=Decimal)
        return record

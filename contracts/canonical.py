"""The contract hash: SHA-256 over the canonical JSON of an agreement with every document that it names."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import rfc8785

from contracts.agreement import Agreement
from contracts.product import Product
from contracts.service import Service
from contracts.workspace import Loaded
from policies.library import Policy


class Canonical:
    """Canonicalises documents (RFC 8785), each once: thousands of agreements share a few products and policies."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Loaded[Any], bytes]] = {}

    def resolved(
        self,
        agreement: Loaded[Agreement],
        products: Iterable[Loaded[Product]],
        policies: Iterable[Loaded[Policy]],
        services: Sequence[Loaded[Service]] = (),
    ) -> bytes:
        """`{"agreement": ..., "policies": [...], "products": [...]}`, as they were written, in canonical form; with
        `"services": [...]` where the agreement names any.

        The members stand in the order that RFC 8785 section 3.2.3 asks for, and canonical JSON holds the canonical form
        of its parts, so the parts can be put together.
        """
        return b'{"agreement":%b,"policies":[%b],"products":[%b]%b}' % (
            rfc8785.dumps(agreement.source.data),
            b",".join(map(self._of, policies)),
            b",".join(map(self._of, products)),
            b',"services":[%b]' % b",".join(map(self._of, services)) if services else b"",
        )

    def contract_hash(
        self,
        agreement: Loaded[Agreement],
        products: Iterable[Loaded[Product]],
        policies: Iterable[Loaded[Policy]],
        services: Sequence[Loaded[Service]] = (),
    ) -> str:
        """SHA-256, in hex, of the resolved agreement."""
        return hashlib.sha256(self.resolved(agreement, products, policies, services)).hexdigest()

    def _of(self, document: Loaded[Any]) -> bytes:
        known = self._known.get(id(document))
        if known is None:
            known = self._known[id(document)] = (document, rfc8785.dumps(document.source.data))
        return known[1]

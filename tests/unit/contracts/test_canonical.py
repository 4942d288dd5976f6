"""The contract hash: the same whoever computes it, another whenever a word of any document is."""

import hashlib
import json
from typing import Any

import rfc8785

from adapters.base import Backend
from contracts.canonical import Canonical
from contracts.compile import compile_documents
from contracts.plan import Plans
from contracts.workspace import Documents, decode_documents
from policies.keys import PartnerKeys
from tests.unit.contracts.sample import TABLE


def documents(before: str = "", after: str = "") -> Documents:
    files = {name: text.replace(before, after).encode() for name, text in TABLE["workspace"].items()}
    loaded, findings = decode_documents(files)
    assert findings == []
    return loaded


def hash_of(loaded: Documents, canonical: Canonical | None = None) -> str:
    [agreement] = loaded.agreements
    return (canonical or Canonical()).contract_hash(agreement, loaded.products, loaded.policies)


def test_it_is_the_sha256_of_the_canonical_resolved_agreement() -> None:
    loaded = documents()
    resolved: dict[str, Any] = {
        "agreement": loaded.agreements[0].source.data,
        "products": [product.source.data for product in loaded.products],
        "policies": [policy.source.data for policy in loaded.policies],
    }
    assert hash_of(loaded) == hashlib.sha256(rfc8785.dumps(resolved)).hexdigest()


def test_what_is_remembered_of_one_document_is_not_taken_for_another() -> None:
    canonical = Canonical()
    first, second = documents(), documents("status: active", "status: draft")
    assert hash_of(first, canonical) == hash_of(first) != hash_of(second)
    assert hash_of(second, canonical) == hash_of(second)


def test_the_order_of_keys_and_the_layout_of_the_file_do_not_matter_and_every_value_does() -> None:
    same = hash_of(documents("    name: shipments\n    version: 2.1.0\n", "    version: 2.1.0\n    name:  shipments\n"))
    assert same == hash_of(documents())
    assert hash_of(documents("limit: 600", "limit: 601")) != same


def test_plans_hand_over_the_very_bytes_that_the_hash_is_of_when_asked() -> None:
    plans = compile_documents(documents(), {"records": Backend()})
    assert isinstance(plans, Plans)
    [contract] = plans.contracts.values()
    assert list(plans.canonical) == [contract.hash]
    resolved = plans.canonical[contract.hash]()
    assert hashlib.sha256(resolved).hexdigest() == contract.hash
    assert rfc8785.dumps(json.loads(resolved)) == resolved
    assert plans.with_keys(lambda partner: PartnerKeys(b"k" * 32, partner)).canonical == plans.canonical


def test_the_bytes_are_made_when_they_are_asked_for_and_not_kept() -> None:
    plans = compile_documents(documents(), {"records": Backend()})
    assert isinstance(plans, Plans)
    [make] = plans.canonical.values()
    first, second = make(), make()
    assert first == second
    assert first is not second

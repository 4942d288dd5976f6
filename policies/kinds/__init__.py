"""The kinds of clauses, one file each. `KINDS` is the inventory, by the `kind` that a document writes."""

import sys
from collections.abc import Mapping
from types import MappingProxyType

from policies.clause import Clause
from policies.registry import discover


def _by_tag() -> dict[str, type[Clause]]:
    kinds: dict[str, type[Clause]] = {}
    for kind in discover(sys.modules[__name__], Clause):
        tag = str(kind.__struct_config__.tag)
        if tag in kinds:
            raise RuntimeError(f"two clause kinds are called {tag}")
        kinds[tag] = kind
    return kinds


KINDS: Mapping[str, type[Clause]] = MappingProxyType(_by_tag())

"""The masking techniques, one file each (terms of ISO/IEC 20889). `TECHNIQUES` is the inventory, by name."""

import sys
from collections.abc import Mapping
from types import MappingProxyType

from policies.registry import discover
from policies.technique import Technique

TECHNIQUES: Mapping[str, type[Technique]] = MappingProxyType(
    {technique.name: technique for technique in discover(sys.modules[__name__], Technique)}
)

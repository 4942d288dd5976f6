"""A finding: what looks like scraping, with the figures that say so and a clause that would hold it back."""

import hashlib
from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from policies.reference import Words

Severity: TypeAlias = Literal["notice", "warning"]


class Finding(Struct, frozen=True, kw_only=True):
    """What one detector says of one object of one agreement. Later evidence has the same `id` and replaces it.

    `evidence` maps the names of figures, units last, to whole numbers: counts, shares in percent, thresholds; never a
    key, a value or a name. `from_us` and `until_us` (Unix microseconds) bound the traffic that it comes from.
    `recommended` is a clause in YAML, with numbers from the partner's normal use, that `check` accepts in a policy;
    `text` says the finding in each language.
    """

    id: str
    detector: str
    agreement: str
    version: str
    partner: str
    resource: str
    from_us: int
    until_us: int
    evidence: Mapping[str, int]
    severity: Severity
    recommended: str
    text: Words


def finding_id(agreement: str, resource: str, detector: str, day: str) -> str:
    """The id of a finding that began on this local day (such as 2026-11-28). Every worker finds the same one."""
    return hashlib.sha256("\n".join((agreement, resource, detector, day)).encode()).hexdigest()[:16]

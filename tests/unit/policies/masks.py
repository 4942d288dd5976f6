"""What the tests of techniques share: techniques as a view writes them, and keys of partners."""

from typing import Any

from contracts.view import read_technique
from policies.keys import PartnerKeys
from policies.technique import Masker, Target, Technique

SECRET = bytes(range(32))


def technique(spec: Any) -> Technique:
    """The technique that a view writes like this."""
    read = read_technique(spec)
    assert isinstance(read, Technique), read
    return read


def keys(partner: str = "swift-logistics") -> PartnerKeys:
    """A partner's keys under the secret of these tests."""
    return PartnerKeys(SECRET, partner)


def masker(
    spec: Any, path: str = "customer.id", logical_type: str = "string", partner: str = "swift-logistics"
) -> Masker:
    """What masks one field for one partner."""
    return technique(spec).masker(Target(path, logical_type), keys(partner))

"""Which certificates of its authority a list of revoked certificates speaks of (RFC 5280 sections 5.2.5 and 6.3.3).

Many authorities write the URL of a list into the list itself, so that none of several can pass for another. Such a list
counts for the certificates that name the same place, and for the rest it is as if it were not there.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal, Self, TypeAlias

from cryptography import x509
from msgspec import Struct

Whom: TypeAlias = Literal["all", "users", "authorities"]
_COMPLETE: Final = "give the complete one of the authority itself"


class CrlScope(Struct, frozen=True):
    """`points` are the names of the place where the list is, empty for one that says none: wherever it comes from, it
    speaks of all that the authority issued to `whom`."""

    points: frozenset[x509.GeneralName] = frozenset()
    whom: Whom = "all"

    @classmethod
    def of(cls, extensions: Iterable[x509.Extension[Any]]) -> Self:
        """From the extensions of a list. Raises ValueError, in words for the operator, for what cannot be followed."""
        said = next((each.value for each in extensions if isinstance(each.value, x509.IssuingDistributionPoint)), None)
        if said is None:
            return cls()
        if said.indirect_crl:
            raise ValueError(f"is indirect (issuingDistributionPoint): {_COMPLETE}")
        if said.only_contains_attribute_certs:
            raise ValueError("is about attribute certificates alone (issuingDistributionPoint)")
        if said.only_some_reasons is not None:
            raise ValueError(f"is about some reasons alone (issuingDistributionPoint): {_COMPLETE}")
        if said.relative_name is not None:
            raise ValueError("says where it is by half a name (nameRelativeToCRLIssuer), which is not followed")
        if said.full_name is not None and not said.full_name:
            raise ValueError("says that it is somewhere, and not where (issuingDistributionPoint)")
        return cls(frozenset(said.full_name or ()), _whom(said))

    def includes(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate of the authority is one that the list would name if it were revoked (section 6.3.3, b,
        2)."""
        if self.whom != "all" and (self.whom == "authorities") != _is_authority(certificate):
            return False
        return not self.points or not self.points.isdisjoint(_points_of(certificate))

    def overlaps(self, other: Self) -> bool:
        """Whether both may speak of one certificate."""
        if "all" not in (self.whom, other.whom) and self.whom != other.whom:
            return False
        return not self.points or not other.points or not self.points.isdisjoint(other.points)


def _whom(said: x509.IssuingDistributionPoint) -> Whom:
    if said.only_contains_user_certs:
        return "users"
    return "authorities" if said.only_contains_ca_certs else "all"


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return False


def _points_of(certificate: x509.Certificate) -> frozenset[x509.GeneralName]:
    """The names of all places where a certificate says that a list of its own issuer is, for whatever reason.

    A place that names another issuer of lists is one of an indirect list, and where only some reasons are listed, none
    says that the certificate is good.
    """
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return frozenset()
    whole = (point for point in points if point.crl_issuer is None and point.reasons is None)
    return frozenset(name for point in whole for name in point.full_name or ())

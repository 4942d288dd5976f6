"""commitment: a salted hash stands for the value; the hub can prove later what it was."""

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta

from policies.commitments import commit, salts
from policies.keys import PartnerKeys
from policies.numerals import canonical_number
from policies.reference import Words
from policies.technique import Disclosed, Masker, Target, Technique

VERSION_MAX = 9_999


class Commitment(Technique, frozen=True, forbid_unknown_fields=True):
    """SHA-256 of a secret salt and the value (ISO/IEC 20889: cryptographic tools, a salted hash).

    The partner learns nothing of the value, and holds a token that the hub can open towards anybody by giving salt and
    value. Equal values of one field have equal tokens for one partner, never for two, nor for two fields. A higher
    `version` begins new tokens. Numbers count by value: 1 and 1.0 have one token.
    Example: `vin: commitment` serves `LSVAA4182E2123456` as `c1.` and 43 letters, digits, `-` and `_`.
    """

    name = "commitment"
    family = "cryptographic tools"
    manner: ClassVar[Words] = {"zh": "加盐散列", "en": "as a salted hash"}
    degree = 2
    keyed = True
    injective = True

    version: Annotated[int, Meta(ge=1, le=VERSION_MAX)] = 1

    def unfit(self, target: Target) -> str | None:
        if target.logical_type == "boolean":
            return "two tokens are told apart by how often each occurs: redact it"
        return None

    def masker(self, target: Target, keys: PartnerKeys | None) -> Masker:
        if keys is None:
            return _no_keys
        salt = salts(keys, target.path, self.version)

        def mask(value: str) -> Disclosed:
            canonical = _canonical(value, target)
            return UNSET if canonical is None else commit(salt(canonical), canonical, self.version)

        return mask

    def opening(self, value: str, target: Target, keys: PartnerKeys) -> str | None:
        """The salt, in hexadecimal digits, that opens the token of this value for this partner; None for a number that
        cannot be read. Whoever is given it can verify the one token, and no other."""
        canonical = _canonical(value, target)
        return None if canonical is None else salts(keys, target.path, self.version)(canonical).hex()

    def schema(self, target: Target) -> dict[str, Any]:
        return {"type": "string", "pattern": rf"^c{self.version}\.[A-Za-z0-9_-]{{43}}$"}

    def words(self) -> Words:
        version = f"（第 {self.version} 版）", f" (version {self.version})"
        zh, en = version if self.version > 1 else ("", "")
        return {"zh": f"加盐哈希承诺{zh}", "en": f"salted hash{en}"}


def _canonical(value: str, target: Target) -> str | None:
    return canonical_number(value) if target.logical_type in ("integer", "number") else value


def _no_keys(_value: str) -> Disclosed:
    raise RuntimeError("commitments need the partner's keys, and there are none")

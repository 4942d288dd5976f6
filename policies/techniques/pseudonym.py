"""pseudonym: a token stands for the value, the same for the same value, another for each partner."""

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta

from policies.keys import PartnerKeys
from policies.numerals import canonical_number
from policies.pseudonyms import VERSION_MAX, pseudonyms
from policies.reference import Words
from policies.technique import Disclosed, Masker, Target, Technique

DOMAIN_MIN = 1_000_000
"""Values that a field can at least have if its bound is known: fewer are told apart by how often each occurs, or by a
few that somebody knows."""


class Pseudonym(Technique, frozen=True, forbid_unknown_fields=True):
    """A token made from the value with HMAC-SHA-256 under the partner's own key (ISO/IEC 20889: pseudonymisation).

    Equal values of one `domain` have equal tokens, so that a partner can join columns; no two partners have a token in
    common. The domain is the field's own name unless said otherwise. A higher `version` begins new tokens. The token
    tells the hub which partner it was made for. Numbers count by value: 1 and 1.0 have one token.
    Example: `{pseudonym: {domain: customer}}` serves `13812345678` as `p1.` and 30 letters, digits, `-` and `_`.
    """

    name = "pseudonym"
    family = "pseudonymisation"
    manner: ClassVar[Words] = {"zh": "合作方专用假名", "en": "as a pseudonym of the partner's own"}
    degree = 3
    keyed = True
    injective = True

    version: Annotated[int, Meta(ge=1, le=VERSION_MAX)] = 1
    domain: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")] | None = None

    def unfit(self, target: Target) -> str | None:
        if target.logical_type not in ("string", "integer", "number"):
            return (
                f"the values of a {target.logical_type} are so few that their tokens can be told apart: generalise it"
            )
        if target.domain is not None and target.domain < DOMAIN_MIN:
            return (
                f"the product allows at most {target.domain:,} values, and fewer than {DOMAIN_MIN:,} are told apart by "
                "how often each occurs: redact or generalise it"
            )
        return None

    def masker(self, target: Target, keys: PartnerKeys | None) -> Masker:
        if keys is None:
            return _no_keys
        make = pseudonyms(keys, self.domain or target.path.rsplit(".", 1)[-1], self.version)
        if target.logical_type == "string":
            return make

        def mask_number(value: str) -> Disclosed:
            canonical = canonical_number(value)
            return UNSET if canonical is None else make(canonical)

        return mask_number

    def schema(self, target: Target) -> dict[str, Any]:
        return {"type": "string", "pattern": rf"^p{self.version}\.[A-Za-z0-9_-]{{30}}$"}

    def words(self) -> Words:
        version = f"（第 {self.version} 版）", f" (version {self.version})"
        zh, en = version if self.version > 1 else ("", "")
        return {"zh": f"假名{zh}", "en": f"pseudonym{en}"}


def _no_keys(_value: str) -> Disclosed:
    raise RuntimeError("pseudonyms need the partner's keys, and there are none")

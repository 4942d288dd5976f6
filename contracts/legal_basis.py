"""The legal bases that a view may name, in words: on which ground personal data are given out."""

from collections.abc import Mapping
from typing import Final

from contracts.product import LegalBasis
from policies.reference import Words

GROUNDS: Final[Mapping[LegalBasis, Words]] = {
    "consent": {"zh": "个人同意", "en": "consent"},
    "contract": {"zh": "订立或履行合同所必需", "en": "needed to make or perform a contract"},
    "legal_duty": {"zh": "履行法定职责或义务所必需", "en": "needed for a statutory duty"},
    "emergency": {"zh": "应对突发事件或紧急情况所必需", "en": "needed in an emergency"},
    "public_interest": {"zh": "为公共利益的新闻报道或舆论监督", "en": "news and supervision in the public interest"},
    "made_public": {"zh": "已公开的个人信息", "en": "data made public already"},
    "other_law": {"zh": "法律、行政法规规定的其他情形", "en": "another ground that the law gives"},
}
"""Each ground of PIPL article 13, shortened."""


def ground(basis: LegalBasis) -> Words:
    """A legal basis as a reader sees it, with the article that it stands in."""
    words = GROUNDS[basis]
    return {"zh": f"{words['zh']}（个人信息保护法第十三条）", "en": f"{words['en']} (PIPL, article 13)"}

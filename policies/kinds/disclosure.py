"""disclosure: how data of a classification may be shown to a partner."""

from typing import Annotated, Literal

from msgspec import Meta

from policies.clause import Binding, Clause, Disclosure
from policies.reference import Words
from policies.techniques import TECHNIQUES
from policies.wording import listed

Classification = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")]
"""One word of a product's `classification`."""
RoleName = Annotated[str, Meta(pattern=r"^[^\s{}]{1,64}\Z")]

_CLASSIFICATIONS: dict[str, Words] = {
    "public": {"zh": "公开数据", "en": "public data"},
    "internal": {"zh": "内部数据", "en": "internal data"},
    "confidential": {"zh": "机密数据", "en": "confidential data"},
    "personal": {"zh": "个人信息", "en": "personal information"},
    "personal-sensitive": {"zh": "敏感个人信息", "en": "sensitive personal information"},
    **{
        f"jrt-{level}": {"zh": f"{level} 级金融数据（JR/T 0197）", "en": f"financial data of level {level} (JR/T 0197)"}
        for level in range(1, 6)
    },
}


class DisclosureRule(Clause, frozen=True, forbid_unknown_fields=True, tag="disclosure", kw_only=True):
    """How fields of the `classifications` may be shown: by one of the techniques `allowed`, or not at all.

    Checked when documents are read, so that no view that breaks it is ever served. `except_roles` are the roles of
    partners for which the clause does not hold. With `legal_basis: required` a view that shows such a field also names
    its legal basis. A field may bear several classifications, and of several clauses about one field all hold.
    """

    classifications: Annotated[tuple[Classification, ...], Meta(min_length=1)]
    """Which fields it is about: those whose `classification` has one of these words."""
    allowed: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Techniques by which they may be shown."""
    except_roles: tuple[RoleName, ...] = ()
    """Roles for which it does not hold."""
    legal_basis: Literal["required"] | None = None
    """`required`: a view that shows such a field names its legal basis."""

    def faults(self) -> list[tuple[str, str]]:
        unknown = [name for name in self.allowed if name not in TECHNIQUES]
        if not unknown:
            return []
        return [("allowed", f"there is no technique {', '.join(unknown)}; known are {', '.join(TECHNIQUES)}")]

    def words(self) -> dict[str, Words]:
        spoken = {
            "classifications": _said(self.classifications, _CLASSIFICATIONS),
            "allowed": _said(self.allowed, {name: technique.manner for name, technique in TECHNIQUES.items()}),
        }
        if self.except_roles:
            spoken["except_roles"] = listed(self.except_roles)
        if self.legal_basis is not None:
            spoken["legal_basis"] = {"zh": "应当写明", "en": "names"}
        return spoken

    def effect(self, binding: Binding) -> Disclosure:
        return Disclosure(
            clause=binding.clause,
            classifications=frozenset(self.classifications),
            techniques=frozenset(self.allowed),
            except_roles=frozenset(self.except_roles),
            needs_legal_basis=self.legal_basis is not None,
        )


def _said(names: tuple[str, ...], known: dict[str, Words]) -> Words:
    """The names in words; one that nobody has put into words yet stands as it is."""
    words = [known.get(name, {"zh": name, "en": name}) for name in names]
    return {"zh": "、".join(word["zh"] for word in words), "en": ", ".join(word["en"] for word in words)}

"""`authorization_details` of type data_contract (RFC 9396): what a client asks for, and what its agreements give of it.

One entry names an agreement, and may name products, actions (operations) and purposes; what it leaves out stands for
all that the agreement gives. An entry that names something the agreement does not give is refused, never narrowed: a
client that has lost a product hears so here and not at its next call.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError, convert

from gateway.oauth.access import Right
from gateway.oauth.grant import Detail
from gateway.oauth.jose import strict_json
from gateway.oauth.tokens import DETAILS_TYPE, GrantedDetail

TEXT_BYTES_MAX = 8 * 1024
ENTRIES_MAX = 16

_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
_Names: TypeAlias = Annotated[tuple[_Name, ...], Meta(min_length=1)]


class AskedDetail(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=DETAILS_TYPE):
    """One entry as a client sends it. A list that is there is not empty: nothing is asked for by naming nothing."""

    agreement: _Name
    products: _Names | UnsetType = UNSET
    actions: _Names | UnsetType = UNSET
    purpose: _Names | UnsetType = UNSET


_Asked: TypeAlias = Annotated[tuple[AskedDetail, ...], Meta(min_length=1, max_length=ENTRIES_MAX)]


class Given(Struct, frozen=True):
    """What entries come to: written out, and the rights that they name."""

    details: tuple[GrantedDetail, ...]
    rights: tuple[Right, ...]


def read_details(text: str) -> tuple[AskedDetail, ...] | None:
    """The entries of the parameter, or None when it is not 1 to 16 of them in 8 KiB of JSON.

    An unknown type or member, a member given twice, and a name that is not text make the whole of it invalid (RFC 9396
    section 5).
    """
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) > TEXT_BYTES_MAX:
        return None
    try:
        entries = strict_json(encoded)
        asked = convert(entries, _Asked)
    except (ValueError, ValidationError):
        return None
    # msgspec takes a tag that is missing for the only one there is.
    return asked if all("type" in entry for entry in entries) else None


def given(asked: Iterable[AskedDetail], rights: Sequence[Right]) -> Given | None:
    """What these rights give of the entries; None when they do not cover one of them."""
    details: list[GrantedDetail] = []
    used: list[Right] = []
    for entry in asked:
        chosen = _chosen(entry, rights)
        if not _covers(entry, chosen):
            return None
        used += [right for right in chosen if right not in used]
        details += _written_out(entry, chosen)
    return Given(tuple(details), tuple(used))


def grant_details(details: Iterable[GrantedDetail]) -> tuple[Detail, ...]:
    """The same for whoever decides about a call."""
    return tuple(
        Detail(
            each.agreement,
            frozenset(each.products),
            frozenset(each.actions),
            frozenset() if each.purpose is UNSET else frozenset(each.purpose),
        )
        for each in details
    )


def still_given(details: Iterable[GrantedDetail], rights: Iterable[Right]) -> tuple[GrantedDetail, ...]:
    """Those entries of a token of which these rights still give something."""
    pairs = {(right.agreement, right.product, right.action) for right in rights}
    return tuple(
        each
        for each in details
        if any((each.agreement, product, action) in pairs for product in each.products for action in each.actions)
    )


def _chosen(entry: AskedDetail, rights: Iterable[Right]) -> tuple[Right, ...]:
    """The rights that an entry is about."""
    return tuple(
        right
        for right in rights
        if right.agreement == entry.agreement
        and (entry.products is UNSET or right.product in entry.products)
        and (entry.actions is UNSET or right.action in entry.actions)
        and (entry.purpose is UNSET or right.purposes.issuperset(entry.purpose))
    )


def _covers(entry: AskedDetail, chosen: Sequence[Right]) -> bool:
    """Whether everything that an entry names is there: each product, each action, and with both each pair of them."""
    pairs = {(right.product, right.action) for right in chosen}
    if entry.products is not UNSET and entry.actions is not UNSET:
        return all((product, action) in pairs for product in entry.products for action in entry.actions)
    products, actions = {product for product, _ in pairs}, {action for _, action in pairs}
    return (
        bool(pairs)
        and (entry.products is UNSET or products.issuperset(entry.products))
        and (entry.actions is UNSET or actions.issuperset(entry.actions))
    )


def _written_out(entry: AskedDetail, chosen: Iterable[Right]) -> list[GrantedDetail]:
    """The entry with all its products and actions: one for each set of actions, as each stands for all pairs."""
    actions: dict[str, set[str]] = {}
    for right in chosen:
        actions.setdefault(right.product, set()).add(right.action)
    purpose = entry.purpose if entry.purpose is UNSET else tuple(sorted(set(entry.purpose)))
    return [
        GrantedDetail(entry.agreement, tuple(products), shared, purpose) for shared, products in _alike(actions).items()
    ]


def _alike(actions: Mapping[str, set[str]]) -> dict[tuple[str, ...], list[str]]:
    """Products by the actions that they have."""
    products: dict[tuple[str, ...], list[str]] = {}
    for product in sorted(actions):
        products.setdefault(tuple(sorted(actions[product])), []).append(product)
    return products

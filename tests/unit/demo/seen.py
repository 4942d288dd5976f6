"""Which fields of a product some role sees, worked out from its views, and which texts a record holds where."""

from collections.abc import Iterator
from typing import Any

from adapters.base import Backend, Path
from contracts.product import Product, custom
from contracts.view import GrantedView, grant
from policies.techniques.pseudonym import Pseudonym
from policies.techniques.redact import Redact


class Unfiltering(Backend, frozen=True, tag="unfiltering"):
    """A backend that leaves row filters to the gateway, as HTTP does."""


class Filtering(Backend, frozen=True, tag="filtering"):
    """A backend that filters rows itself, as SQL does."""

    enforces_rows = True


def granted(product: Product) -> Iterator[tuple[str, GrantedView]]:
    """Each role's view, laid over the product."""
    for role in product.roles:
        view = grant(product.schema[0], custom(role.customProperties, "view")["fields"])
        assert isinstance(view, GrantedView), view
        yield role.role, view


def seen(product: Product) -> set[Path]:
    """Paths of which at least one role gets something of the value. A mark, null or a pseudonym is nothing of it."""
    return {
        field.path
        for _, view in granted(product)
        for field, technique in view.leaves
        if not isinstance(technique, Redact | Pseudonym)
    }


def seen_columns(product: Product) -> set[str]:
    """The same as names of columns."""
    paths = seen(product)
    return {field.physical_name for _, view in granted(product) for field, _ in view.leaves if field.path in paths}


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in a record, wherever it is; items of an array have the path of the array."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, path)

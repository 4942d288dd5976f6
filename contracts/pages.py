"""A backend's list answer: the type of its envelope, and what is in it once decoded."""

from typing import Any

from msgspec import defstruct

from adapters.base import Envelope


def page_type(envelope: Envelope, item: Any) -> Any:
    """The type of a list answer in `envelope`, its records decoded as `item`."""
    if envelope.items is None:
        return list[item]
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = [("items", list[item])]
    names = {"items": envelope.items}
    if envelope.next is not None:
        fields.append(("next", str | int | None, None))
        names["next"] = envelope.next
    return defstruct("Page", fields, rename=names, gc=False)


def page_items(page: Any) -> list[Any]:
    """The records of a decoded list answer."""
    return page if isinstance(page, list) else page.items


def page_next(page: Any) -> str | None:
    """The backend's token for the page after this one, None on the last."""
    token = getattr(page, "next", None)
    return None if token is None else str(token)

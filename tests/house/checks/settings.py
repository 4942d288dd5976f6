"""Checks on a settings Struct: every field has a default and says in one line what it is for."""

import msgspec.inspect
from msgspec import Struct


def described(settings: type[Struct]) -> dict[str, str]:
    """Each setting's line of documentation, "" where there is none."""
    lines = {}
    for field in msgspec.inspect.multi_type_info([settings])[0].fields:  # type: ignore[attr-defined]
        schema = field.type.extra_json_schema if isinstance(field.type, msgspec.inspect.Metadata) else None
        lines[field.name] = str((schema or {}).get("description", ""))
    return lines


def undocumented(settings: type[Struct]) -> list[str]:
    """Settings that somebody has to set, or that nobody explains."""
    fields = msgspec.inspect.multi_type_info([settings])[0].fields  # type: ignore[attr-defined]
    found = [f"`{field.name}` has no default" for field in fields if field.required]
    return found + [f"`{name}` has no line of documentation" for name, line in described(settings).items() if not line]

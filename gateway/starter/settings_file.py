"""clausegate.toml with every setting commented out: written from the settings' own descriptions and defaults."""

import json
import textwrap
from typing import Any

from msgspec import Struct, inspect, structs

_HEAD = """\
# How this gateway runs. Every setting is at its default: take away the `#` to change one.
# Text may name environment variables as ${NAME}; secrets belong there, not here.
"""


def settings_text(settings: type[Struct]) -> str:
    """A TOML file that explains each field of `settings` and sets none.

    Raises TypeError for a field without a default that TOML can write, which a test finds before anybody else.
    """
    info = inspect.type_info(settings)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - narrows the type
    defaults = {field.encode_name: field.default for field in structs.fields(settings)}
    parts = [_HEAD]
    for field in info.fields:
        described = _description(field.type)
        comment = textwrap.fill(described, 116, initial_indent="# ", subsequent_indent="# ")
        parts.append(f"{comment}\n#{field.encode_name} = {_toml(defaults[field.encode_name])}\n")
    return "\n".join(parts)


def _description(info: inspect.Type) -> str:
    schema = info.extra_json_schema if isinstance(info, inspect.Metadata) else None
    return str((schema or {}).get("description", ""))


def _toml(value: Any) -> str:
    """A default as TOML: text, number, boolean or a list of text. JSON writes these the same way."""
    if not isinstance(value, str | int | float | bool | tuple):
        raise TypeError(f"no default that TOML can write: {type(value).__name__}")
    return json.dumps(value, ensure_ascii=False)

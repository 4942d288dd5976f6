"""Short ways to write the calls that tests make."""

from adapters.base import Call, Condition, Field


def leaf(path: str, logical_type: str = "string", physical_name: str | None = None) -> Field:
    """A field by its dotted path."""
    steps = tuple(path.split("."))
    return Field(steps, physical_name or "_".join(steps), logical_type)


def call(
    resource: str,
    key: Field,
    *fields: Field,
    condition: Condition | None = None,
    timeout_ms: int = 5000,
    max_bytes: int = 1_000_000,
) -> Call:
    """A call for the given fields."""
    return Call(resource, key, fields, condition, timeout_ms, max_bytes)

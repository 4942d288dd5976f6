"""Every table of the state store: what migrations are compared with."""

from gateway.store import (
    tables_alerts,
    tables_corrections,
    tables_identity,
    tables_notices,
    tables_rollups,
    tables_statements,
    tables_tasks,
)
from gateway.store.schema import metadata

__all__ = [
    "metadata",
    "tables_alerts",
    "tables_corrections",
    "tables_identity",
    "tables_notices",
    "tables_rollups",
    "tables_statements",
    "tables_tasks",
]

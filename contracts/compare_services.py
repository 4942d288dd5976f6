"""Compares what the hub may call of a partner. Nobody can say whether another call is more or less for the partner."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.agreement import Agreement
from contracts.change import EITHER, NOTHING, WORDING, Change, change
from contracts.service import Service
from contracts.workspace import Loaded

_Documents = Mapping[tuple[str, str], Loaded[Service]]


def compare_services(before: Agreement, after: Agreement, old: _Documents, new: _Documents) -> Iterator[Change]:
    """Services that two agreements name: which versions and operations, and whether one version says something else."""
    named = [{reference.service: reference for reference in side.services} for side in (before, after)]
    for name in dict.fromkeys([*named[0], *named[1]]):
        about, references = f"service {name}", (named[0].get(name), named[1].get(name))
        versions = [reference.version if reference else None for reference in references]
        operations = [", ".join(sorted(reference.operations)) if reference else None for reference in references]
        yield from change(about, "version", NOTHING if versions[0] == versions[1] else EITHER, *versions)
        yield from change(about, "operations", NOTHING if operations[0] == operations[1] else EITHER, *operations)
        if versions[0] == versions[1]:
            yield from _document(about, old.get((name, str(versions[0]))), new.get((name, str(versions[1]))))


def _document(about: str, old: Loaded[Service] | None, new: Loaded[Service] | None) -> Iterator[Change]:
    """The same version, which should have stayed as it was."""
    if old is None or new is None or old.source.data == new.source.data:
        return
    same = _binding(old.source.data) == _binding(new.source.data)
    yield from change(about, "document", WORDING if same else EITHER, "as it was", "changed")


def _binding(document: Mapping[str, Any]) -> dict[str, Any]:
    """What calls are held to."""
    return {name: value for name, value in document.items() if name in ("openapi", "paths", "components")}

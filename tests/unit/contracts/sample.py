"""The small workspace of tests/cases/documents.yaml, compiled."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.plan import Plans
from contracts.workspace import Documents, decode_documents

TABLE = yaml.safe_load((Path(__file__).parents[2] / "cases" / "documents.yaml").read_text())
BACKENDS = {"records": Backend()}


def compiled(changes: Mapping[str, tuple[str, str]] | None = None, **more: str) -> tuple[Documents, Plans]:
    """The workspace with some text of some files replaced and some `more` agreements beside."""
    files = dict(TABLE["workspace"])
    for name, (before, after) in (changes or {}).items():
        assert before in files[name]
        files[name] = files[name].replace(before, after)
    files |= {f"agreements/{name}.yaml": text for name, text in more.items()}
    documents, findings = decode_documents({name: text.encode() for name, text in files.items()})
    assert findings == []
    plans = compile_documents(documents, BACKENDS)
    assert isinstance(plans, Plans), plans
    return documents, plans

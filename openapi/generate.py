"""Writes openapi/*.json from the sample documents: `python -m openapi.generate`."""

import json
import sys
from pathlib import Path

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.openapi import openapi_for
from contracts.plan import Plans
from contracts.workspace import Documents, decode_documents

ROOT = Path(__file__).resolve().parent.parent
BASE_URL = "https://gateway.example.com"
"""Where the documents say the gateway is: the samples are served nowhere."""


def sample_files(root: Path = ROOT) -> dict[str, bytes]:
    """The sample documents as a workspace would hold them."""
    folders = {
        "products": root / "contracts" / "documents" / "products",
        "services": root / "contracts" / "documents" / "services",
        "agreements": root / "contracts" / "documents" / "agreements",
        "policies": root / "policies" / "documents",
    }
    return {
        f"{name}/{file.name}": file.read_bytes() for name, folder in folders.items() for file in folder.glob("*.yaml")
    }


def generated(files: dict[str, bytes]) -> dict[str, str]:
    """The text of each file in this folder: the hub's document, and one for each partner.

    Raises ValueError, with all findings, when a document has a mistake.
    """
    documents, findings = decode_documents(files)
    plans = compile_documents(documents, _backends(documents))
    wrong = findings or (plans if isinstance(plans, list) else [])
    if wrong or not isinstance(plans, Plans):
        raise ValueError("\n".join(finding.to_text() for finding in wrong))
    wanted: dict[str, str | None] = {"hub": None, **{partner: partner for partner in plans.partners()}}
    return {
        f"{name}.json": json.dumps(openapi_for(plans.all_plans(), partner, BASE_URL), ensure_ascii=False, indent=2)
        + "\n"
        for name, partner in wanted.items()
    }


def _backends(documents: Documents) -> dict[str, Backend]:
    """A backend for every name: what partners are told does not depend on the kind of backend."""
    entries = (entry for product in documents.products for entry in product.value.customProperties)
    return {str(entry.value): Backend() for entry in entries if entry.property == "backend"}


def main() -> None:
    """Write every file and remove those of partners that are no more."""
    texts = generated(sample_files())
    folder = Path(__file__).parent
    for surplus in {file.name for file in folder.glob("*.json")} - texts.keys():
        (folder / surplus).unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"openapi/{name}\n")


if __name__ == "__main__":
    main()

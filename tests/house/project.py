"""Where the house checks find things: the repository's packages, files and pages."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("adapters", "contracts", "gateway", "policies")
CODE = (*PACKAGES, "bench", "deploy", "tests")


def page(name: str) -> str:
    """A page's text."""
    return (ROOT / name).read_text()


def python_files(*folders: str) -> list[Path]:
    """All Python files below these folders, but for migrations that Alembic writes."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "versions" not in path.parts and "__pycache__" not in path.parts)


def modules() -> dict[str, str]:
    """The text of every module of the application, by dotted name."""
    found = {}
    for path in python_files(*PACKAGES):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found

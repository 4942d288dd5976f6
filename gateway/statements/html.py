"""A statement as one HTML page that needs nothing else: for screens, and for paper by its print rules."""

import base64
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gateway.statements.page import Page

_FOLDER: Final = Path(__file__).parent / "files"


def to_html(page: Page) -> str:
    """The whole page. Whatever is in it is escaped."""
    template = _environment().get_template("statement.html")
    return template.render(page=page, labels=page.labels, style=Markup(_style()))  # noqa: S704 - a file of ours


def content_security_policy() -> str:
    """The policy under which the page shows as it should: its own style, by hash, and nothing else."""
    style = base64.b64encode(sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@lru_cache(maxsize=1)
def _style() -> str:
    return (_FOLDER / "statement.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

"""The forms of a statement's page."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from gateway.statements.html import to_html
from gateway.statements.markdown import to_markdown
from gateway.statements.page import Page
from gateway.statements.pdf import to_pdf

Form: TypeAlias = Literal["json", "md", "html", "pdf"]


def render(page: Page, form: Form, made: datetime) -> bytes:
    """The page in a form; `made` is the time that a PDF says of itself. In JSON it is the page, not the statement."""
    if form == "md":
        return to_markdown(page).encode()
    if form == "html":
        return to_html(page).encode()
    if form == "pdf":
        return to_pdf(page, made)
    return msgspec.json.encode(page)

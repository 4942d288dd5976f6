"""A statement as PDF, with its own fonts, so that it looks and reads the same wherever it is made."""

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from gateway.statements.page import Page

_FOLDER: Final = Path(__file__).parent / "files"


def to_pdf(page: Page, made: datetime) -> bytes:
    """The whole page, tagged for readers aloud. `made` is the time that the file says of itself: the same page and
    time give the same bytes."""
    import typst

    return typst.compile(
        _FOLDER / "statement.typ",
        format="pdf",
        font_paths=[_FOLDER / "fonts"],
        ignore_system_fonts=True,
        sys_inputs={"page": msgspec.json.encode(page).decode()},
        timestamp=int(made.timestamp()),
    )

"""Checks on Markdown pages: whether they and the code speak of the same things."""

import re
from collections.abc import Collection, Mapping

_CODE = re.compile(r"`([^`]+)`")


def sections(markdown: str) -> dict[str, str]:
    """The text under each heading whose title is, or begins with, one `code` word; keyed by that word."""
    found: dict[str, str] = {}
    current = ""
    in_fence = False
    for line in markdown.splitlines():
        in_fence ^= line.startswith("```")
        heading = None if in_fence else re.match(r"#+ `([^`]+)`", line)
        if heading:
            current = heading[1]
            found[current] = ""
        elif not in_fence and line.startswith("#"):
            current = ""
        elif current:
            found[current] += line + "\n"
    return found


def differences(documented: Collection[str], real: Collection[str]) -> list[str]:
    """What only the page knows and what only the code knows."""
    stale = [f"`{name}` is documented and does not exist" for name in sorted(set(documented) - set(real))]
    return stale + [f"`{name}` is not documented" for name in sorted(set(real) - set(documented))]


def unmentioned(found: Mapping[str, str], wanted: Mapping[str, Collection[str]]) -> list[str]:
    """Words (say, parameters) that the section of their owner leaves out."""
    missing = []
    for owner, words in wanted.items():
        codes = " ".join(_CODE.findall(found.get(owner, "")))
        missing += [f"`{owner}` does not explain `{word}`" for word in words if not re.search(rf"\b{word}\b", codes)]
    return missing


def empty(found: Mapping[str, str]) -> list[str]:
    """Headings with nothing below."""
    return [f"`{name}` has a heading and no text" for name, text in found.items() if not text.strip()]


def first_column(markdown: str) -> list[str]:
    """The first cell of every table row but the header rows."""
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    cells = [row.split("|")[1].strip() for row in rows]
    headers = {number - 1 for number, cell in enumerate(cells) if set(cell) <= set("-: ")}
    rules = {number + 1 for number in headers}
    return [cell for number, cell in enumerate(cells) if number not in headers | rules]


def empty_cells(markdown: str) -> list[str]:
    """Table rows in which somebody left a cell out."""
    return [
        f"line {number}: {line}"
        for number, line in enumerate(markdown.splitlines(), 1)
        if line.startswith("|") and any(not cell.strip() for cell in line.strip().strip("|").split("|"))
    ]


def requirement_names(requirements: Collection[str]) -> list[str]:
    """The package of each requirement (PEP 508), without extras, versions and markers."""
    return [re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0] for requirement in requirements]

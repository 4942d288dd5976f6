"""clausegate import: a data contract of the standard becomes a product of a workspace."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.terminal import EXIT_FOUND, counted, err, fail, show_findings

NAME = "import"


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An Open Data Contract Standard document, v3.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="DIR", help="A workspace to write into, below products/; else to the terminal."
        ),
    ] = None,
) -> None:
    """Take a data contract over as a product, with a starter view that grants nothing.

    What the document says stays as it is, comments included. Added are a `backend` to be named, and a role whose view
    opens no field and lists, as comments, how each could be opened. Nothing is ever overwritten. Exit status 1 when the
    document has mistakes, 2 when there is nothing to read or the product is there already.
    """
    from contracts.importing import import_product

    try:
        data = file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror or 'cannot be read'}")
    imported = import_product(data, file.name)
    if isinstance(imported, list):
        show_findings(imported)
        fail(f"{file}: {counted(len(imported), 'error')}: see above", EXIT_FOUND)
    if not imported.kept:
        err().print("the document is not in block style: it was written anew, without its comments", markup=False)
    if output is None:
        typer.echo(imported.text, nl=False)
        return
    path = output / "products" / imported.file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="") as target:
            target.write(imported.text)
    except FileExistsError:
        fail(f"{path} is there already, and nothing is overwritten")
    except OSError as error:
        fail(f"{path}: {error.strerror or 'cannot be written'}")
    typer.echo(path)

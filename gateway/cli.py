"""The command line: every command of `clausegate`, one file each in gateway/commands."""

import sys

import typer

from gateway.commands import (
    account,
    alerts,
    check,
    client,
    corrections,
    demo,
    diff,
    erase,
    evidence,
    explain,
    findings,
    health,
    import_odcs,
    index,
    init,
    keys,
    limits,
    log,
    notice,
    openapi,
    proof,
    reveal,
    sequence,
    serve,
    settle,
    sign_off,
    statement,
    status,
    suspension,
    tasks,
    token,
    trace,
    verify,
    webhooks,
    why,
    witness,
)
from gateway.commands.terminal import refuse_odd

app = typer.Typer(
    name="clausegate",
    help="A partner gateway in which the signed contract is the configuration.",
    epilog="Begin with `clausegate demo`, or with `clausegate init DIR` for a workspace of your own.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo,
    init,
    import_odcs,
    check,
    diff,
    explain,
    sign_off,
    serve,
    sequence,
    token,
    proof,
    why,
    openapi,
    status,
    health,
    settle,
    log,
    index,
    verify,
    evidence,
    witness,
    trace,
    reveal,
    erase,
):
    app.command(command.NAME)(command.run)
for group in (
    client,
    account,
    keys,
    limits,
    findings,
    statement,
    notice,
    suspension,
    corrections,
    tasks,
    webhooks,
    alerts,
):
    app.add_typer(group.app, name=group.NAME)


def main() -> None:
    """Entry point of the `clausegate` script."""
    refuse_odd(sys.argv[1:])
    app()


if __name__ == "__main__":
    main()

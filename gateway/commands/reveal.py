"""clausegate reveal: opens a commitment, so that whoever holds its token can be shown which value it stands for."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.pseudonym_secret import pseudonym_secret
from gateway.commands.terminal import (
    Folder,
    FormatOption,
    LanguageOption,
    err,
    fail,
    language_or_terminal,
    open_workspace,
    print_json,
)
from policies.commitments import commit
from policies.keys import PartnerKeys
from policies.numerals import canonical_number, is_whole
from policies.reference import Words
from policies.technique import Target
from policies.techniques.commitment import VERSION_MAX, Commitment

if TYPE_CHECKING:
    from contracts.plan import Plan, Plans

NAME = "reveal"
_VALUE_BYTES_MAX = 1 << 20
_CHECK: Words = {
    "zh": (
        "验证：对盐的 32 个字节后接值的 UTF-8 字节计算 SHA-256，以不带填充的 base64url 书写，"
        "前加“{prefix}”，即得上述令牌。"
    ),
    "en": (
        "To verify: SHA-256 of the salt's 32 bytes followed by the value in UTF-8, written as base64url without "
        'padding after "{prefix}", is the token.'
    ),
}
_NUMBER: Words = {"zh": "值为数字，写作 {value}。", "en": "The value is a number, and is written as {value}."}


def run(
    folder: Folder,
    *,
    partner: Annotated[str, typer.Option("--partner", metavar="ID", help="Whom the token was made for.")],
    product: Annotated[str, typer.Option("--product", metavar="NAME", help="The product, or PRODUCT/OBJECT.")],
    field: Annotated[str, typer.Option("--field", metavar="PATH", help="The field, as the view names it.")],
    version: Annotated[
        int | None,
        typer.Option(
            "--version", min=1, max=VERSION_MAX, help="The version of the token, when it is not the view's own."
        ),
    ] = None,
    output: FormatOption = "text",
    language: LanguageOption = None,
) -> None:
    """Open a commitment: print the token and the salt of the value on standard input.

    With value and salt anybody can verify the token, with SHA-256 alone; the salt opens no other. The value is no
    argument, so that neither the shell's history nor the list of processes has it. One line end after it is left out.
    """
    workspace = open_workspace(folder)
    logical_type, versions = _served(workspace.plans, partner, product, field)
    version = _version(versions, version)
    keys = PartnerKeys(pseudonym_secret(workspace).reveal(), partner)
    value = _canonical(_read(), logical_type)
    salt = Commitment(version).opening(value, Target(field, logical_type), keys)
    assert salt is not None  # noqa: S101 - None only for a number that cannot be read, which was refused
    token = commit(bytes.fromhex(salt), value, version)
    said = language_or_terminal(language)
    check = _CHECK[said].format(prefix=f"c{version}.")
    if logical_type in ("integer", "number"):
        check += (" " if said == "en" else "") + _NUMBER[said].format(value=value)
    if output == "json":
        print_json({"token": token, "salt": salt, "verify": check})
    else:
        sys.stdout.write(f"token  {token}\nsalt   {salt}\n{check}\n")


def _served(plans: "Plans", partner: str, product: str, field: str) -> tuple[str, list[int]]:
    """The field's logicalType, and the versions under which the partner is served it as a commitment."""
    own = [plan for plan in plans.all_plans() if plan.contract.partner == partner]
    if not own:
        fail(f"there is no partner {partner}; there are: {', '.join(plans.partners())}")
    chosen = [plan for plan in own if plan.resource == product]
    if not chosen:
        fail(f"{partner} has no product {product}; it has: {', '.join(sorted({plan.resource for plan in own}))}")
    leaves = [leaf for plan in chosen for leaf in plan.view.leaves if ".".join(leaf[0].path) == field]
    if not leaves:
        fail(f"{product} has no field {field} that {partner} is served{_committed(chosen)}")
    found = [(leaf.logical_type, how.version) for leaf, how in leaves if isinstance(how, Commitment)]
    if not found:
        fail(f"{partner} is served {field} as {leaves[0][1].name}, not as commitment{_committed(chosen)}")
    return found[-1][0], sorted({version for _, version in found})


def _committed(plans: "Sequence[Plan]") -> str:
    """Which fields would do, for the end of a refusal."""
    leaves = dict.fromkeys(leaf for plan in plans for leaf in plan.view.leaves)
    names = dict.fromkeys(".".join(field.path) for field, how in leaves if isinstance(how, Commitment))
    return f"; commitments are: {', '.join(names)}" if names else "; none of its fields is served as commitment"


def _version(versions: Sequence[int], asked: int | None) -> int:
    """The version of the token. Tokens of an earlier one are still held, so it may be asked for; a later was never."""
    if asked is None:
        if len(versions) > 1:
            fail(f"it is served under the versions {', '.join(map(str, versions))}: say which with --version")
        return versions[0]
    if asked > versions[-1]:
        fail(f"version {asked} was never served: the latest is {versions[-1]}")
    return asked


def _read() -> str:
    """The value on standard input, one line end after it left out. It is shown in no message."""
    if sys.stdin.isatty():
        err().print("the value, then Enter and Ctrl-D:")
    given = sys.stdin.buffer.read(_VALUE_BYTES_MAX + 1)
    if not given:
        fail("there is no value on standard input")
    if len(given) > _VALUE_BYTES_MAX:
        fail(f"the value on standard input is larger than {_VALUE_BYTES_MAX} bytes")
    try:
        return given.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        fail("the value on standard input is not UTF-8")


def _canonical(value: str, logical_type: str) -> str:
    """The value as it is committed to: text as it is, a number in its shortest form."""
    if logical_type not in ("integer", "number"):
        return value
    canonical = canonical_number(value.strip())
    if canonical is None or (logical_type == "integer" and not is_whole(canonical)):
        fail(f"the value on standard input is no {logical_type}")
    return canonical

"""Which witnesses are asked for which tree: the policy files that `witness_policy` of clausegate.toml leads to.

The file that it names is for the root log. For the tree of a partner it is `<partner>.policy` in the same folder, if
there is one. Nobody is asked for the hub's own tree, which nobody else can read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from gateway.settings import Settings
from gateway.tlog.layout import ROOT, partner_of
from gateway.tlog.policy import NO_WITNESSES, Policy, PolicyFault, parse_policy
from gateway.witness.address import parse_address

SUFFIX: Final = ".policy"
WITNESSES_MAX: Final = 32
"""Of one policy: each puts a line on every checkpoint, and verifiers need not accept many."""
POLICY_BYTES_MAX: Final = 64 * 1024


class Policies(Struct, frozen=True):
    """`root` is for the root log; `partners` by the partner's id."""

    root: Policy
    partners: Mapping[str, Policy]

    def of(self, tree: str) -> Policy:
        """The policy for a tree (gateway.tlog.layout); one without witnesses where nothing is said."""
        partner = partner_of(tree)
        if partner is not None:
            return self.partners.get(partner, NO_WITNESSES)
        return self.root if tree == ROOT else NO_WITNESSES


NO_POLICIES = Policies(NO_WITNESSES, {})


def load_policies(folder: Path, settings: Settings) -> Policies | list[str]:
    """The policies of the workspace at `folder`, or all that is wrong with them: `file:line: what`."""
    if not settings.witness_policy:
        return NO_POLICIES
    main = folder / settings.witness_policy
    files = {"": main}
    if main.parent.is_dir():
        others = sorted(path for path in main.parent.glob(f"*{SUFFIX}") if path.name not in (main.name, SUFFIX))
        files |= {path.name.removesuffix(SUFFIX): path for path in others}
    read = {partner: read_policy(path) for partner, path in files.items()}
    found = {partner: policy for partner, policy in read.items() if isinstance(policy, Policy)}
    faults = [policy for policy in read.values() if isinstance(policy, str)]
    faults += [f"{files[partner].name}: {why}" for partner, policy in found.items() for why in _unusable(policy)]
    return faults or Policies(found.pop(""), found)


def read_policy(path: Path) -> Policy | str:
    """The policy in a file, or its first mistake as `file:line: what`."""
    try:
        if path.stat().st_size > POLICY_BYTES_MAX:
            return f"{path.name}: larger than {POLICY_BYTES_MAX} bytes"
        text = path.read_bytes().decode(
            errors="surrogateescape"
        )  # in a policy, octets beyond ASCII stand for themselves
    except OSError as error:
        return f"{path.name}: cannot be read: {error.strerror or type(error).__name__}"
    policy = parse_policy(text)
    return f"{path.name}:{policy.line}: {policy.message}" if isinstance(policy, PolicyFault) else policy


def _unusable(policy: Policy) -> list[str]:
    """Why no hub can do what this policy says, although it is a good one for verifiers."""
    asked = [witness for witness in policy.witnesses if witness.url]
    why = [
        f"the URL of witness {printable(witness.name)} has to be http:// or https://, a host, and no query"
        for witness in asked
        if parse_address(witness.url) is None
    ]
    if len(asked) > WITNESSES_MAX:
        why.append(f"{len(asked)} witnesses have URLs; at most {WITNESSES_MAX} are asked")
    if not policy.is_met({witness.name for witness in asked}):
        without = ", ".join(printable(witness.name) for witness in policy.witnesses if not witness.url)
        why.append(f"its quorum can never be reached: there is no URL of {without}")
    return why


def printable(name: str) -> str:
    """A name from a policy, fit for a terminal."""
    return name.encode(errors="backslashreplace").decode()

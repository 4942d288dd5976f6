"""A finding: one mistake in a document, with its place, so that whoever wrote it can put it right."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way from the top of a document to a value: mapping keys and list positions (from 0)."""
Severity: TypeAlias = Literal["error", "warning"]

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

CODES: Mapping[str, str] = MappingProxyType(
    {
        # reading a file
        "workspace-missing": "The workspace is not a folder that can be read.",
        "workspace-empty": "The folder has none of the folders that make a workspace.",
        "workspace-too-large": "The documents together are larger than a workspace may be.",
        "file-unreadable": "The file cannot be opened or read.",
        "file-not-regular": "A folder, pipe or device stands where a document is expected.",
        "file-outside": "A symbolic link leads out of the workspace.",
        "file-ignored": "The file looks like a document but its name is not one that is read.",
        "too-many-files": "The folder holds more documents than a workspace may have.",
        # reading YAML
        "not-utf8": "The file is not UTF-8 text.",
        "nul-byte": "The file contains a NUL byte.",
        "too-large": "The file is larger than a document may be.",
        "too-many-values": "The file holds more values than a document may have.",
        "too-many-findings": "The file has more mistakes than are listed.",
        "yaml-syntax": "The file is not well-formed YAML.",
        "several-documents": "The file holds more than one YAML document.",
        "anchor": "A YAML anchor (&name) or alias (*name) is used: documents are read as they are written.",
        "merge-key": "A YAML merge key (<<) is used.",
        "yaml-tag": "A YAML tag (!name) is used.",
        "duplicate-key": "A key is given twice in the same mapping.",
        "nested-too-deeply": "Values are nested more deeply than a document may be.",
        "key-not-text": "A key is not text.",
        "number-too-large": "A whole number is beyond 9007199254740991, the largest that every reader keeps exactly.",
        "number-not-finite": "A number is infinite, not a number, or too large to hold.",
        "not-a-mapping": "The top level of a document is not a mapping of keys to values.",
        # the standard
        "not-odcs": "A product is not valid under the official schema of the standard, so other tools may refuse it.",
        # decoding
        "unknown-key": "A key is not one that this kind of document has here.",
        "missing-key": "A required key is missing.",
        "wrong-type": "A value is of another type than expected.",
        "bad-value": "A value is of the right type and not one that is allowed.",
        "unknown-choice": "A value is not one of the listed choices.",
        "unknown-kind": "A clause is of a kind that does not exist.",
        # the meaning of one document
        "duplicate-clause": "Two clauses of a policy have the same number.",
        "text-missing": "A clause has no text in one of the languages.",
        "text-without-parameter": "A clause's text leaves out a parameter that binds.",
        "unknown-placeholder": "A clause's text names a parameter that the clause does not have.",
        "contradiction": "Values of a clause contradict each other.",
        "dates-reversed": "An agreement ends before it begins.",
        "unknown-time-zone": "The time zone is not in the IANA database.",
        "no-schema": "A product describes no kind of record.",
        "no-key": "A product has no single primary key field at the top level.",
        "no-backend": "A product does not name its backend.",
        "unknown-field": "A view or row filter names a field that the product does not declare.",
        "duplicate-field": "A product declares a field twice, or a view grants one twice.",
        "unknown-type": "A field has no logicalType, or one that cannot be served.",
        "unknown-technique": "A view names a masking technique that does not exist.",
        "technique-unfit": "A masking technique cannot mask a field of this type, or its parameter is wrong.",
        "nothing-granted": "A view that an agreement uses serves no field; a warning while no agreement does.",
        "bad-rows": "A row filter is not a condition over record and partner.",
        "duplicate-view": "A product has two views for one role.",
        "backend-read-only": "A view writes to a backend that backends.toml does not open for writing.",
        "unwritable-field": "A view lets a role write a field that it must not write, or that the backend cannot take.",
        "key-hidden": "A view lets a role name records by a key that it hides, so that keys could be tried out.",
        "quality-unmeasured": "A quality rule cannot be measured on the traffic that the gateway sees.",
        # the meaning of documents together
        "duplicate-document": "Two documents have the same name and version.",
        "unknown-product": "An agreement names a product that does not exist.",
        "unknown-product-version": "An agreement names a version of a product that does not exist.",
        "unknown-policy": "An agreement names a policy that does not exist.",
        "unknown-policy-version": "An agreement names a version of a policy that does not exist.",
        "unknown-clause": "An agreement sets parameters of a clause that the policy does not have.",
        "unknown-role": "A product has no view for the partner's role.",
        "unknown-backend": "A product names a backend that backends.toml does not have.",
        "disclosure-forbidden": "A view discloses a field in a way that a clause of the agreement does not allow.",
        "purpose-forbidden": "No purpose is both declared by the view and allowed by the agreement's clauses.",
        "authentication-impossible": "No client can meet all clauses of kind authentication of one agreement.",
        "overlapping-agreements": "Two agreements of one partner for one product are in force at the same time.",
        "bad-service": "An operation of a service that an agreement uses cannot be called as it is described.",
        "unknown-service": "An agreement names a service, or an operation of one, that does not exist.",
        "unknown-service-version": "An agreement names a version of a service that does not exist.",
        "duplicate-operation": "An agreement gives the hub two operations of the same name.",
        "service-unconnected": "backends.toml does not say where a service is that an agreement names.",
        "reserved-partner": "An agreement gives its partner the id of the hub's own programs.",
        "unknown-agreement": "No agreement of this name exists.",
        # promises and alerts
        "target-unprovable": "A target is so high that, of the calls expected, one bad one already breaks it.",
        "credit-without-fee": "A clause credits percents of a monthly fee, and its agreement has no fees.",
        "credit-of-value": "A clause credits percents of a value that no statement knows.",
        "bad-alert": "A value of alerts.toml is wrong.",
        "alert-never-fires": "A rule of alerts.toml can never raise an alert.",
        "promise-unwatched": "No default rule can ever raise an alert about a promise.",
        # settings and backends
        "bad-backend": "A table of backends.toml is wrong.",
        "bad-setting": "A setting of clausegate.toml is wrong.",
        "crl-ends": "A list of revoked client certificates has ended, or ends soon.",
    }
)
"""Every code and what it means. A code never changes its meaning and is never used again once it is gone."""


class Finding(Struct, frozen=True):
    """One mistake. `line` counts from 1; `path` as `clauses[0].limit`, empty for the document as a whole."""

    code: str
    message: str
    file: str
    line: int
    path: str = ""
    severity: Severity = "error"

    def to_text(self) -> str:
        """`file:line: path: message [code]`, the form that editors jump to."""
        place = f"{self.path}: " if self.path else ""
        warning = "warning: " if self.severity == "warning" else ""
        return f"{self.file}:{self.line}: {warning}{place}{self.message} [{self.code}]"


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted by file and line, each once: the order in which one would correct them."""
    return sorted(dict.fromkeys(findings), key=lambda finding: (finding.file, finding.line))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep a workspace from being served; warnings do not."""
    return [finding for finding in findings if finding.severity == "error"]


def path_text(path: KeyPath) -> str:
    """A path as it is written in findings: `fields["customer.name"].keep_first`, `clauses[0].limit`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{clipped(step)}" if text else clipped(step)
        else:
            text += '["' + clipped(step).replace("\\", "\\\\").replace('"', '\\"') + '"]'
    return text


def clipped(text: str, length: int = 40) -> str:
    """Text as it may stand in a message: on one line, without control characters, at most `length` characters."""
    printable = "".join(character if character.isprintable() else "·" for character in text[: length + 1])
    return printable if len(printable) <= length else printable[: length - 1] + "…"

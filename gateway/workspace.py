"""A workspace on disk, compiled: documents, backends and settings become what the gateway serves, or findings."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Backend
from adapters.registry import read_backends, read_services
from contracts.compile import compile_and_check
from contracts.finding import Finding, errors, in_order
from contracts.plan import Plans
from contracts.workspace import Documents, read_workspace
from gateway.outbound.target import ServiceTarget
from gateway.settings import Settings, read_settings

BACKENDS = "backends.toml"
ISSUER = Path("state", "issuer")


class Workspace(Struct, frozen=True):
    """Everything a workspace says, compiled. `warnings` do not keep it from being served."""

    folder: Path
    settings: Settings
    documents: Documents
    backends: Mapping[str, Backend]
    plans: Plans
    warnings: list[Finding]
    services: Mapping[str, ServiceTarget] = MappingProxyType({})


def load_workspace(folder: Path, environment: Mapping[str, str] = os.environ) -> Workspace | list[Finding]:
    """Read and compile `folder`; or all errors of all its files, in order."""
    documents, findings = read_workspace(folder)
    settings = read_settings(folder, environment)
    if isinstance(settings, list):
        findings = findings + settings
    backends, services, faults = _backends(folder, environment)
    plans, wrong = compile_and_check(documents, backends)
    if faults:  # a backend with a mistake is missing from the list: naming it is no second mistake
        wrong = [finding for finding in wrong if finding.code != "unknown-backend"]
    findings = in_order([*findings, *faults, *wrong, *_unconnected(documents, services, faults)])
    if errors(findings) or isinstance(settings, list):
        return findings
    return Workspace(folder, settings, documents, backends, plans, findings, services)


def remember_issuer(workspace: Workspace, issuer: str) -> None:
    """Keep the URL that the workspace is served at, for commands that sign or print it. Losing it does no harm."""
    with suppress(OSError):
        (workspace.folder / ISSUER).parent.mkdir(mode=0o700, exist_ok=True)
        (workspace.folder / ISSUER).write_text(issuer, encoding="utf-8")


def issuer_of(workspace: Workspace) -> str:
    """The URL that partners use: as settled in the settings, else where the workspace was last served."""
    settings = workspace.settings
    if not settings.base_url:
        with suppress(OSError, UnicodeDecodeError):
            return (workspace.folder / ISSUER).read_text(encoding="utf-8")
    return settings.issuer(settings.port)


def _unconnected(documents: Documents, services: Mapping[str, ServiceTarget], faults: list[Finding]) -> list[Finding]:
    """Services that an agreement names and backends.toml does not: the agreement is in force, and no call can be made.

    A table with a mistake is missing from `services`: that has its own finding.
    """
    broken = {finding.path.split(".")[1] for finding in faults if finding.path.startswith("services.")}
    found = []
    for loaded in documents.agreements:
        for index, reference in enumerate(loaded.value.services):
            if reference.service not in services and reference.service not in broken:
                message = f"backends.toml has no table [services.{reference.service}]: it cannot be called"
                at = loaded.source.finding("service-unconnected", message, ("services", index, "service"))
                found.append(replace(at, severity="warning"))
    return found


def _backends(
    folder: Path, environment: Mapping[str, str]
) -> tuple[dict[str, Backend], dict[str, ServiceTarget], list[Finding]]:
    try:
        text = (folder / BACKENDS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, {}, [Finding("bad-backend", "there is no backends.toml: it says where data come from", BACKENDS, 1)]
    except (OSError, UnicodeDecodeError) as error:
        return {}, {}, [Finding("bad-backend", f"cannot be read: {type(error).__name__}", BACKENDS, 1)]
    backends, faults = read_backends(text, folder, environment)
    services, wrong = read_services(text, ServiceTarget, environment)
    return (
        backends,
        {name: target.within(folder) for name, target in services.items()},
        [
            Finding("bad-backend", fault.message, BACKENDS, fault.line or 1, fault.path or fault.table)
            for fault in [*faults, *wrong]
        ],
    )

"""What `check` finds in the files of `client_crl_files`: those that cannot be used, and those that end."""

import datetime
from pathlib import Path

from contracts.finding import Finding
from gateway.oauth.certificates import Authorities
from gateway.oauth.crl_files import Age, CrlFile, CrlFileError, aged, read_crl_file
from gateway.settings import FILE, Settings, line_of

_SETTING = "client_crl_files"


def crl_findings(folder: Path, settings: Settings, now_s: float) -> list[Finding]:
    """Everything wrong with them, for a workspace at `folder` and a time (Unix seconds)."""
    if not settings.client_crl_files:
        return []
    if not settings.client_ca_file:
        return [_finding(folder, "there is no client_ca_file that they could be about")]
    try:
        anchors = Authorities.read(str(folder / settings.client_ca_file)).anchors
    except (OSError, ValueError):
        message = f"{settings.client_ca_file} holds no certificates (PEM) that can be read"
        return [Finding("bad-setting", message, FILE, line_of(folder, "client_ca_file"), "client_ca_file")]
    files: list[CrlFile] = []
    found: list[Finding] = []
    for name in settings.client_crl_files:
        try:
            files.append(read_crl_file(folder, name, anchors))
        except CrlFileError as error:
            found.append(_finding(folder, str(error)))
    lists = ((file.name, crl) for file in files for crl in file.crls)
    return found + [_old(folder, name, age, crl.next_update_s) for name, crl, age in aged(lists, now_s)]


def _finding(folder: Path, message: str) -> Finding:
    return Finding("bad-setting", message, FILE, line_of(folder, _SETTING), _SETTING)


def _old(folder: Path, name: str, age: Age, next_update_s: float) -> Finding:
    """An error where nobody is let in any more. It keeps nothing from being served: there are other clients."""
    ends = datetime.datetime.fromtimestamp(next_update_s, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = line_of(folder, _SETTING)
    if age == "ended":
        message = f"{name} ended at {ends}: no certificate that it is about authenticates anybody"
        return Finding("crl-ends", message, FILE, line, _SETTING)
    message = f"{name} ends at {ends}, and less than a quarter of its life is left"
    return Finding("crl-ends", message, FILE, line, _SETTING, "warning")

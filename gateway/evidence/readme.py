"""The README of a bundle: what it is and how to check it, for a lawyer, in English and Chinese."""

from importlib import resources
from string import Template

from gateway.evidence.bundle import Manifest
from gateway.tlog.note import VerifierKey
from gateway.tlog.spelling import parse_base64


def readme(manifest: Manifest, key: VerifierKey, first_index: int, last_index: int) -> bytes:
    """The text for one bundle, whatever its file is called."""
    template = Template((resources.files(__package__) / "files" / "README.md").read_text("utf-8"))
    root = parse_base64(manifest.root) or b""
    missing = len(manifest.contracts_missing)
    said = template.substitute(
        partner=manifest.partner,
        records=manifest.records,
        records_en=f"{manifest.records} record{'s' if manifest.records != 1 else ''}",
        records_zh=f"{manifest.records} 条记录",
        period_en=_period(manifest, "from {} (included)", "to {} (not included)", "for its whole life"),
        period_zh=_period(manifest, "自 {}（含）", "至 {}（不含）", "全部时间"),
        origin=manifest.origin,
        vkey=key.text(),
        key_id=f"{key.name}+{key.key_id.hex()}",
        tree_size=manifest.tree_size,
        root=root.hex(),
        first_index=first_index,
        last_index=last_index,
        missing_en=f"{_documents(missing)} kept: see `contracts_missing` in `manifest.json`." if missing else "",
        missing_zh=f"有 {missing} 份合同文件未曾保存，见 `manifest.json` 的 `contracts_missing`。" if missing else "",
        name="evidence.zip",
    )
    return "".join(f"{line.rstrip()}\n" for line in said.splitlines()).encode()


def _period(manifest: Manifest, start: str, end: str, whole: str) -> str:
    bounds = ((manifest.from_time, start), (manifest.until_time, end))
    return " ".join(words.format(time) for time, words in bounds if time) or whole


def _documents(missing: int) -> str:
    return "One document of a contract was not" if missing == 1 else f"The documents of {missing} contracts were not"

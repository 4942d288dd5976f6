"""What `clausegate verify` says: in words, and as JSON."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import to_builtins

from gateway.audit.receipt import format_receipt
from gateway.audit.verify import FirstFault
from gateway.commands.terminal import counted, printable
from gateway.commands.verify_target import Found
from gateway.commands.verifying import Checked
from gateway.evidence.check import BundleFault, BundleReport
from gateway.tlog.receipt_check import ProofReport, ReceiptReport
from gateway.tlog.tree_report import TreeFault, TreeReport

_TREES_SHOWN = 20


def is_bad(found: Found) -> bool:
    """Whether something is not as it must be: a fault, or a promise that was not kept."""
    if isinstance(found, ReceiptReport):
        return found.verdict in ("missed", "unpromised")
    return isinstance(found, FirstFault | TreeFault | BundleFault)


def as_json(found: Found) -> dict[str, Any]:
    """`intact`, and behind it the `fault` or what was checked."""
    if isinstance(found, FirstFault | TreeFault | BundleFault):
        return {"intact": False, "fault": to_builtins(found)}
    if isinstance(found, Checked):
        return {"intact": True} | {name: value for name, value in to_builtins(found).items() if value is not None}
    kinds: dict[type, str] = {ReceiptReport: "receipt", ProofReport: "proof", BundleReport: "evidence"}
    return {"intact": not is_bad(found), kinds[type(found)]: to_builtins(found)}


def as_text(found: Found, now_s: float) -> str:
    """For people; lines, the first of which says it all."""
    return "".join(f"{printable(line)}\n" for line in _lines(found, now_s))


def _lines(found: Found, now_s: float) -> Iterator[str]:
    match found:
        case FirstFault():
            yield f"FAULT {found.kind} in {found.file} at byte {found.offset}"
            yield f"  writer {found.writer}, record {found.seq}"
            yield f"  expected {found.expected}, found {found.found}"
        case TreeFault():
            entry = f", entry {found.index}" if found.index >= 0 else ""
            yield f"FAULT {found.kind} in {found.tree}{f', {found.path}' if found.path else ''}{entry}"
            yield f"  expected {found.expected}, found {found.found}"
        case BundleFault():
            entry = f", record or line {found.index}" if found.index >= 0 else ""
            yield f"FAULT {found.kind} in {found.member or 'the bundle'}{entry}"
            yield f"  expected {found.expected}, found {found.found}"
        case Checked():
            yield from _checked(found, now_s)
        case ReceiptReport():
            yield from _receipt(found, now_s)
        case ProofReport():
            yield f"intact: the entry with leaf hash {found.leaf_hash} is number {found.index} of {found.size:,}"
            yield from _head(found.origin, found.root, found.key, given=True)
            yield from _cosigned(found.cosigned)
        case BundleReport():
            yield from _bundle(found)


def _checked(found: Checked, now_s: float) -> Iterator[str]:
    if found.writers is not None:
        records = sum(writer.records for writer in found.writers)
        epochs = sum(writer.epochs for writer in found.writers)
        size_bytes = sum(writer.bytes for writer in found.writers)
        facts = [counted(records, "record"), counted(epochs, "epoch"), counted(size_bytes, "byte")]
        yield f"intact: {', '.join(facts)}"
    entries = sum(tree.size for tree in found.trees if tree.kind != "root")
    trees = counted(sum(tree.kind != "root" for tree in found.trees), "tree")
    if found.writers is None:
        roots = ", the root log" if any(tree.kind == "root" for tree in found.trees) else ""
        yield f"intact: {trees} of {entries:,} records{roots}"
    elif found.trees:
        yield f"{trees} of {entries:,} records, the same as in the segments"
    else:
        yield "no tree is published yet"
    if found.waiting is not None and found.waiting.records:
        oldest = _age(max(0.0, now_s - (found.waiting.oldest_us or 0) / 1e6))
        yield f"waiting to be put into a tree: {counted(found.waiting.records, 'record')}, the oldest for {oldest}"
    for tree in found.trees[:_TREES_SHOWN]:
        yield from _tree(tree, found)
    if len(found.trees) > _TREES_SHOWN:
        yield f"and {len(found.trees) - _TREES_SHOWN} more; --format json shows all"
    for why in found.unchecked:
        yield f"not checked: {why}"


def _tree(tree: TreeReport, found: Checked) -> Iterator[str]:
    what = {"root": "the root log", "hub": "the hub's own", "empty": "empty"}.get(tree.kind, tree.partner)
    yield f"{tree.origin}: {what}, {tree.size:,} {'entry' if tree.size == 1 else 'entries'}"
    yield from _head("", tree.root, tree.key, given=tree.key_given)
    anchors = found.anchors.get(tree.origin)
    if anchors is not None:
        yield f"  anchored {anchors.count:,} times in the root log, the last time at {anchors.size:,} entries"
    yield from _cosigned(tree.cosigned)


def _head(origin: str, root: str, key: str, *, given: bool) -> Iterator[str]:
    if origin:
        yield f"  {origin}"
    yield f"  root {root}"
    yield f"  key {key}{'' if given else ' (taken from the log itself)'}"


def _cosigned(cosigned: Mapping[str, int]) -> Iterator[str]:
    for name, time_s in cosigned.items():
        yield f"  cosigned by {name} at {_time(time_s)}"


def _receipt(found: ReceiptReport, now_s: float) -> Iterator[str]:
    receipt = found.receipt
    where = f"record {receipt.seq} of {receipt.writer}, leaf hash {receipt.leaf_hash}"
    if found.verdict == "included":
        yield f"included: {where}"
        yield f"  number {found.index} of {found.size:,} in {found.origin}"
    elif found.verdict == "waiting":
        yield f"not due yet: {where}"
        due_s = found.due_s or 0
        yield f"  promised to be in its partner's tree by {_time(due_s)}, in {_age(due_s - now_s)}"
        yield f"  not among all {found.size:,} of {found.origin}"
    elif found.verdict == "unpromised":
        yield f"NOT THERE: {where}"
        yield f"  it is not among all {found.size:,} of {found.origin}, and the receipt promises no time"
    else:
        yield f"DEADLINE MISSED: {where}"
        yield f"  promised to be in its partner's tree by {_time(found.due_s or 0)}"
        yield f"  it is not among all {found.size:,} of {found.origin}"
        yield "  unless it is another partner's record, which the hub can show: the receipt does not say whose it is"
    yield from _promise(found)
    yield from _head("", found.root, found.key, given=found.key_given)
    yield from _cosigned(found.cosigned)
    if found.verdict == "missed":
        yield from _evidence(found)
    elif found.proof:
        yield "its proof, as a .tlog-proof:"
        yield from found.proof.splitlines()


def _promise(found: ReceiptReport) -> Iterator[str]:
    if found.due_s is None:
        yield "  the receipt is not signed"
    elif found.receipts_key:
        taken = "" if found.receipts_key_given else " (taken from the log itself)"
        yield f"  the receipt is signed by {found.receipts_key}{taken}"
    else:
        yield "  not checked: the receipt's signature; name the key with --receipts-vkey"


def _evidence(found: ReceiptReport) -> Iterator[str]:
    if found.late:
        yield f"what proves it to others: {', '.join(found.late)} cosigned this checkpoint after that time,"
        yield "and the root over all its leaf hashes, without this one, is the root that it says."
    else:
        yield "seen by you, now; a witness that cosigns a checkpoint after that time makes it provable to others."
    yield "the receipt:"
    yield format_receipt(found.receipt)
    yield "the checkpoint:"
    yield from found.checkpoint.splitlines()


def _bundle(found: BundleReport) -> Iterator[str]:
    period = f"{found.from_time or 'the beginning'} to {found.until_time or 'the end'}"
    yield f"intact: {counted(found.records, 'record')} of {found.partner}, {period}"
    yield f"  in {found.origin}, of {found.tree_size:,}: {counted(found.contracts, 'contract')}"
    yield from _head("", found.root, found.key, given=found.key_given)
    if found.anchors:
        yield f"  {counted(found.anchors, 'anchor')} in the root log, the last at {found.anchored_size:,} entries"
        yield f"  root log's key {found.root_key}"
    yield from _cosigned(found.witnesses)
    if found.contracts_missing:
        yield f"not in the bundle: {counted(len(found.contracts_missing), 'contract')} that records name"


def _time(time_s: int) -> str:
    try:
        return datetime.fromtimestamp(time_s, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"@{time_s}"


def _age(age_s: float) -> str:
    """12 s, 5 min, 3 h, 2 days."""
    for unit_s, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if age_s >= 2 * unit_s:
            return f"{age_s / unit_s:.0f} {unit}"
    return f"{age_s:.0f} s"

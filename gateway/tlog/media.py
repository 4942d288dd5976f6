"""What a published file is to HTTP: its media type, and how long it may be kept. The same in a bucket and over ours."""

from msgspec import Struct

from gateway.tlog.anchors import FOLDER, KEY, LATEST
from gateway.tlog.layout import ROOT, VKEY

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
_KEPT = "max-age=31536000, immutable"
"""A path with a number in it never gets other bytes (C2SP tlog-tiles)."""


class Media(Struct, frozen=True):
    """Values of Content-Type and Cache-Control. `compresses` False: hashes, and texts too short to be worth it."""

    content_type: str
    cache_control: str
    compresses: bool = False


def media_of(path: str) -> Media:
    """What the file at a target's path is, such as `root/checkpoint` or `partners/swift/tile/0/000`.

    Only the root log's files may be kept by caches that several people share.
    """
    who = "public" if path.startswith(f"{ROOT}/") else "private"
    if "/tile/" in path:
        return Media(BYTES, f"{who}, {_KEPT}", compresses="/tile/entries/" in path)
    if path.endswith(f"/{VKEY}"):
        return Media(TEXT, f"{who}, max-age=300")
    if path.endswith(f"/{KEY}"):
        return Media(TEXT, "no-store")
    if f"/{FOLDER}/" in path and not path.endswith(f"/{LATEST}"):
        return Media(TEXT, f"{who}, {_KEPT}")
    return Media(TEXT, "no-cache" if who == "public" else "private, no-cache")

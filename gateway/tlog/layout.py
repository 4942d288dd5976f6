"""Where a tree's files lie below the published folder, and what its partner may know of it by.

```
root/checkpoint, root/vkey, root/tile/...            the root log: for everybody
hub/checkpoint, ...                                  records that concern no partner
partners/<id>/checkpoint, vkey, tile/...             a partner's own records: for that partner
partners/<id>/anchors/key, anchors/latest, anchors/<N>[.p/<W>]   where its checkpoints stand in the root log
```
"""

ROOT = "root"
HUB = "hub"
CHECKPOINT = "checkpoint"
VKEY = "vkey"
FOLDER = "tree"
"""Below the audit log's folder, when nothing else is set; no writer may have this name."""


def tree_of(partner: str) -> str:
    """The name of the tree that holds a partner's records; the hub's for ""."""
    return f"partners/{partner}" if partner else HUB


def partner_of(tree: str) -> str | None:
    """The partner whose tree this is; None for the root log and the hub's."""
    return tree.removeprefix("partners/") if tree.startswith("partners/") else None

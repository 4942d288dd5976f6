"""The lines of `proofs.jsonl` for many records of one tree: what those of one tile have in common is made once."""

from gateway.evidence.bundle import proof_line
from gateway.tlog.merkle import NodeAt, inclusion_proof, nodes_of
from gateway.tlog.spelling import base64_text
from gateway.tlog.tiles import WIDTH, TileTree

_LEVELS = WIDTH.bit_length() - 1


class Proving:
    """Proofs that lead to the root of one tree. Raises what TileTree does."""

    def __init__(self, tree: TileTree) -> None:
        self._tree = tree
        self._tile, self._width = -1, 0
        self._hashes: list[bytes] = []
        self._node: NodeAt = nodes_of(())
        self._above: list[str] = []
        self._texts: dict[bytes, str] = {}

    def line(self, index: int) -> bytes:
        """The line of the record with this index."""
        tile, place = divmod(index, WIDTH)
        if tile != self._tile:
            self._turn_to(tile)
        node, texts = self._node, self._texts
        if self._width == WIDTH:  # a perfect tree: each sibling is a single node
            path = [node(level, (place >> level) ^ 1) for level in range(_LEVELS)]
        else:
            path = inclusion_proof(place, self._width, node)
        for sibling in path:
            if sibling not in texts:
                texts[sibling] = base64_text(sibling)
        return proof_line(index, self._hashes[place], [*map(texts.__getitem__, path), *self._above])

    def _turn_to(self, tile: int) -> None:
        """A tile is a subtree of RFC 6962's splitting, also the last and partial one: so its root's path is shared."""
        tree, first = self._tree, tile * WIDTH
        self._hashes = list(tree.leaf_hashes(first, min(first + WIDTH, tree.size)))
        self._width = len(self._hashes)
        self._node = nodes_of(self._hashes)
        within = len(inclusion_proof(0, self._width, self._node))
        self._above = [base64_text(sibling) for sibling in inclusion_proof(first, tree.size, tree.node)[within:]]
        self._tile, self._texts = tile, {}

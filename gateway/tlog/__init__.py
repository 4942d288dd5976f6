"""The transparency log (C2SP): Merkle trees over the audit records, signed checkpoints, tiles, proofs."""

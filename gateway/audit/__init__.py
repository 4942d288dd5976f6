"""The hash-chained audit log: leaves, frames, segments, group commit, verification."""

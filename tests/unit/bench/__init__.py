"""The benchmark reads its instruments rightly."""

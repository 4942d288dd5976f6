"""Reproducible benchmarks: the gateway beside what others use, in the same run on the same core."""

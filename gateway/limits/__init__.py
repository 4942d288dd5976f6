"""Limits where a gateway enforces them: what a call is held against, stores that processes share, what may change."""

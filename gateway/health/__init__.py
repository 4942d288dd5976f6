"""Ecosystem health: pure functions from counts to a score."""

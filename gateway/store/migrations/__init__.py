"""Moves the store from one schema version to the next."""

"""Reported data errors and their clocks."""

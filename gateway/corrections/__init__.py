"""Corrections: reported data errors with their contractual clocks."""

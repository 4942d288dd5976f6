"""Statements: a period's promises settled, sealed, issued, countersigned."""

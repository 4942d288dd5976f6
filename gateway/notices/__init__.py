"""Notices: maintenance, force majeure, deprecations and changes, announced so that the log knows when."""

"""Credentials of partners: looked after by themselves; what was used, refused and why, and what ends soon."""

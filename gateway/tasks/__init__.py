"""Collaboration tasks between the hub's teams and partners."""

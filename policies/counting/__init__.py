"""One counter for each kind of limit, as the in-process engine holds them (policies/counters.py)."""

"""Policies: clauses, the kinds they come in, the masking techniques, and the counters that enforce them."""

"""The house checks: pure functions from text to a list of what is wrong with it, so that each can be shown a fault."""

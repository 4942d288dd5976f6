"""The state store: clients, keys, accounts, replay caches."""

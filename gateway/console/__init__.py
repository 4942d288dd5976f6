"""The console: operations and legal look at the ecosystem and the agreements."""

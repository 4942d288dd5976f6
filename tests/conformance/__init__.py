"""FAPI 2.0's conformance plan for client credentials, re-expressed module by module: see README.md beside this."""

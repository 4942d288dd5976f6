"""The witness: remembers what it saw of a log, and cosigns what is consistent with it (C2SP tlog-witness)."""

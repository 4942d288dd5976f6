"""One file per schema version, in order of their numbers. A published one is never edited."""

"""Evidence: what a partner's part of the log proves, as one file for those who trust nobody."""

"""What partners do for themselves: JSON under /partner/, with their own access tokens."""

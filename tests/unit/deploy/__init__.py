"""Setting up a checkout: which Python, and when the environment is made, refreshed or repaired."""

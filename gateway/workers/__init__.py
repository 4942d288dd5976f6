"""Several processes that serve one workspace on one socket: who starts them, what they share, how they end."""

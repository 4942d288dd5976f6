"""Who is calling: the token endpoint, its keys and clients, and token verification."""

"""People: who may do what, the second factor, and logins by the company's identity provider (OpenID Connect)."""

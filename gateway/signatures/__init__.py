"""HTTP message signatures (RFC 9421) and digests (RFC 9530): of requests that need them, of answers on request."""

"""Partners' own APIs, called through the gateway and measured."""

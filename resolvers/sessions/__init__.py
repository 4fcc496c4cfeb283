"""Sessions and tokens: how they begin, what limits attempts, how they end."""

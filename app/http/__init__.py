"""HTTP: bodies, cookies, headers, client addresses, authentication."""

"""HTTP: request bodies, cookies, headers, client addresses, authentication, rate limit, health."""

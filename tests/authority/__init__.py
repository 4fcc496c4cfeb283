"""Authority ends at once: tokens, roles and sessions that end while others act under them."""

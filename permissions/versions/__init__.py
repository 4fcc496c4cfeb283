"""Policy versions: what was published, what differs, and the guard against unannounced changes."""

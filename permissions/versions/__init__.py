"""Policy versions: published texts, their differences, and the guard against unannounced changes."""

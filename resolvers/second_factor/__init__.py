"""Time-based one-time codes, recovery codes and the second step of a login."""

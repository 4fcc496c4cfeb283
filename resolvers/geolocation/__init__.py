"""Places derived from IP addresses."""

"""Statistics: noisy counts from releases."""

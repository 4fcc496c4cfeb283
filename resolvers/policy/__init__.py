"""The policy as a query, and the impact of changing it."""

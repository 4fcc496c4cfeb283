"""Staff roles and tokens, support cases and legal requests."""

"""Access rules: the policy as data, and the decisions derived from it."""

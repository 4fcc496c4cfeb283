"""Commands about the policy."""

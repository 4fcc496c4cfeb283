"""Commands that print, check and compare the policy."""

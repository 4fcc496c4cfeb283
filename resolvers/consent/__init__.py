"""Grants, withdrawals, objections and restrictions, and the resulting state of each purpose."""

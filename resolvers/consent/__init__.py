"""Grants, withdrawals, objections and restrictions, and the state that follows from them."""

"""Laws of ledger."""

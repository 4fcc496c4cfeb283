"""The disclosure ledger: written before an answer leaves, read by its subject."""

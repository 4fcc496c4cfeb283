"""Hash chains of the consent history and the disclosure ledger."""

"""Hash chains over the consent history and the disclosure ledger."""

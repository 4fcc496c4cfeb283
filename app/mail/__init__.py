"""E-mail: texts, letters, the outbox and its transport."""

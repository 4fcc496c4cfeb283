"""E-mails: their texts, the outbox, the transport, and the pages that their links open."""

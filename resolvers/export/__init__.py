"""The copy of everything held on one person (GDPR Art. 15 and 20)."""

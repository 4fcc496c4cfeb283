"""Commands that check the logs and list what is overdue."""

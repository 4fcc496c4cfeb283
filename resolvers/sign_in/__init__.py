"""Registration, login, e-mail verification and passwords."""

"""What a record of processing (GDPR Art. 30) says besides the table: about whom, where to, and kept safe by what."""

from typing import Final

DATA_SUBJECTS: Final = (
    "Users of the platform, their staff roles included.",
    "People who sent the pre-registration form.",
)

TRANSFERS: Final = (
    "Data is held by data centers in the USA.",
    "Intercom, Mandrill, Mailchimp and Google, the processors, are companies of the USA.",
)

SECURITY: Final = (
    "Each personal field is decided by role and standing consent at every reading; whoever is not named reads nothing.",
    "Every reading by staff and processors is in a tamper-evident ledger, open to its subject, before it is shown.",
    "Staff roles are granted one by one, expire and are listed; every token has one role and is kept as a digest.",
    "A support case is assigned, a legal request and a processor's token approved, by a second person.",
    "Connections use TLS 1.2 or newer; the service does not start in production without TLS.",
    "Passwords are hashed with argon2id under a key; attempts are limited per address and per account.",
    "Staff act only after a second factor (TOTP), whose secrets are sealed with AES-256-GCM.",
)

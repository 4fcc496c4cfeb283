"""Texts of the record of processing and of exports: data subjects, transfers, security and rights."""

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
    "Role and consent decide every personal field at every read. Without a rule, nobody reads.",
    "A tamper-evident ledger records each read by staff or a processor before the data is shown. Subjects see it.",
    "Staff roles are granted person by person, expire and are listed. A token has one role and is stored as a digest.",
    "A second person assigns a support case, and approves a legal request or a processor's token.",
    "Connections use TLS 1.2 or newer. In production the service does not start without TLS.",
    "Passwords are hashed with argon2id and a secret key. Attempts are limited per address and per account.",
    "Staff act only after a second factor (TOTP). Its secrets are encrypted with AES-256-GCM.",
)

RIGHTS: Final = (
    "Access and a copy (GDPR Art. 15): `me`, `exportMyData`, or a written request.",
    "Rectification (Art. 16): `updateProfile`, `updatePreRegistration`, `changeEmail`.",
    "Erasure (Art. 17): `requestErasure`.",
    "Restriction (Art. 18): `restrictProcessing`.",
    "Portability (Art. 20): another instance can import the `import` line of an export.",
    "Objection to a processor (Art. 21): `objectToProcessor`.",
    "Withdrawal of consent (Art. 7(3)): `withdrawConsent`. Earlier processing stays lawful.",
)

COMPLAINT: Final = (
    "A complaint can be lodged with a supervisory authority where you live or work, or where a rule was broken "
    "(GDPR Art. 77)."
)

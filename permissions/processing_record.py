"""What records of processing and exports say besides the table: about whom, where to, how kept safe, which rights."""

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

RIGHTS: Final = (
    "Access and a copy (GDPR Art. 15): `me`, `exportMyData`, or a written request.",
    "Rectification (Art. 16): `updateProfile`, `updatePreRegistration`, `changeEmail`.",
    "Erasure (Art. 17): `requestErasure`.",
    "Restriction (Art. 18): `restrictProcessing`.",
    "Portability (Art. 20): an export's `import` is a line that another instance takes in.",
    "Objection to a processor (Art. 21): `objectToProcessor`.",
    "Withdrawal of consent (Art. 7(3)): `withdrawConsent`; what was done before stays lawful.",
)

COMPLAINT: Final = (
    "A complaint can be lodged with a supervisory authority where you live, work or think that a rule was broken "
    "(GDPR Art. 77)."
)

"""How often sign-in failed in a row, also for addresses without an account."""

from datetime import datetime

from sqlmodel import SQLModel

from models.columns import Int, Text, UtcDateTime, impersonal


class FailedSignIns(SQLModel, table=True):
    """One count of wrong passwords or codes. `told_at` is the time of the last letter about it."""

    __tablename__ = "failed_sign_ins"

    key: str = impersonal("a keyed hash of an address or id", Text(64), primary_key=True)
    failures: int = impersonal("consecutive failures", Int)
    last_failed_at: datetime = impersonal("time of the last failure", UtcDateTime)
    told_at: datetime | None = impersonal("time of the last letter", UtcDateTime, default=None)

"""When a task that runs apart from the service last succeeded."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import SQLModel

from models.columns import Text, UtcDateTime, impersonal


class Task(StrEnum):
    """A task that must succeed regularly."""

    RETENTION = "retention"
    VERIFY_LOG = "verify-log"
    RELEASE_STATISTICS = "release-statistics"


class LastSuccess(SQLModel, table=True):
    """The newest success of one task, in any process."""

    __tablename__ = "last_successes"

    task: str = impersonal("an enum value", Text(32), primary_key=True)
    at: datetime = impersonal("the time of a task of the service", UtcDateTime)

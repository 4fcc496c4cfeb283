"""The settings of how a server process stops."""

from typing import ClassVar

from pydantic import Field

from app.settings_section import Section


class StoppingSettings(Section):
    """How a server process stops on SIGTERM, in seconds. It ends with exit status 0."""

    title: ClassVar = "Stopping"

    shutdown_delay: float = Field(
        default=1,
        ge=0,
        le=300,
        description="For so long the process still accepts requests while `/health/ready` answers 503, so that a load "
        "balancer sends no new ones. Set at least the interval at which yours asks.",
    )
    shutdown_grace: float = Field(
        default=20,
        ge=1,
        le=600,
        description="The process has ended after this time, with `CONSENTQL_SHUTDOWN_DELAY`. It answers the requests "
        "that it has begun, and waits no longer for a database, a mail server or a client.",
    )

    @property
    def answer_seconds(self) -> int:
        """How long the process waits for its requests after the delay. A quarter is left to close everything."""
        return max(1, int((self.shutdown_grace - self.shutdown_delay) * 0.75))

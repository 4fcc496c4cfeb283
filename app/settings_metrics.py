"""Where metrics are served."""

import ipaddress
import re
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from app.settings_section import Section
from app.telemetry.listener import Address

OFF: Final = "off"
FORM: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<four>[0-9.]+)|(?P<name>localhost)):(?P<port>\d{1,5})")


class MetricsSettings(Section):
    """What operators see."""

    title: ClassVar = "Metrics"

    metrics_address: Annotated[Address | None, NoDecode] = Field(
        default=Address("127.0.0.1", 9464),
        description="Where Prometheus reads `/metrics`: an IP address and a port, or `off`. It needs no credential, so "
        "choose an address that only Prometheus reaches. With port 0 the log names the port.",
    )

    @field_validator("metrics_address", mode="before")
    @classmethod
    def _read_address(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.strip().lower() == OFF:
            return None
        found = FORM.fullmatch(value.strip())
        if found is None or int(found["port"]) > 65535:
            raise ValueError("must be an IP address and a port such as 127.0.0.1:9464 or [::1]:9464, or `off`")
        host = found["six"] or found["four"] or found["name"]
        if not found["name"]:
            try:
                ipaddress.ip_address(host)
            except ValueError:
                raise ValueError("must begin with an IP address, for example 127.0.0.1:9464") from None
        return Address(host, int(found["port"]))

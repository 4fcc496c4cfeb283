"""The base of the settings of one subject."""

from typing import Any, ClassVar, Final

from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "CONSENTQL_"


class Section(BaseSettings):
    """Settings of one subject, read from the environment."""

    title: ClassVar[str]
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")


def split_list(value: Any) -> Any:
    """The parts of a list that is written with commas. Any other value stays as it is given."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

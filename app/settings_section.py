"""The base of the settings of one subject."""

from typing import ClassVar, Final

from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "CONSENTQL_"


class Section(BaseSettings):
    """Settings of one subject, read from the environment."""

    title: ClassVar[str]
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

"""Profiles, stored under SOCIAL, with a place for the map and case-folded text for search."""

from typing import Any

from sqlmodel import SQLModel

from models.columns import (
    Double,
    Json,
    Text,
    identifier,
    personal,
)
from models.vocabulary import PersonalField

SEARCHABLE_FIELDS = (
    PersonalField.FIRST_NAME,
    PersonalField.LAST_NAME,
    PersonalField.ORGANIZATION,
    PersonalField.SPECIALIZATION,
    PersonalField.COUNTRY,
    PersonalField.CITY,
)


class ProfileValues(SQLModel):
    """The values of a profile."""

    subject_id: str = identifier(primary_key=True, foreign_key="accounts.id")
    place_country: str | None = personal(PersonalField.LOCATION, Text(2))
    place_city: str | None = personal(PersonalField.LOCATION)
    place_latitude: float | None = personal(PersonalField.LOCATION, Double)
    place_longitude: float | None = personal(PersonalField.LOCATION, Double)
    first_name: str | None = personal(PersonalField.FIRST_NAME)
    last_name: str | None = personal(PersonalField.LAST_NAME)
    organization: str | None = personal(PersonalField.ORGANIZATION)
    specialization: str | None = personal(PersonalField.SPECIALIZATION)
    avatar_url: str | None = personal(PersonalField.AVATAR_URL)
    wallpaper_url: str | None = personal(PersonalField.WALLPAPER_URL)
    mobile_phone: str | None = personal(PersonalField.MOBILE_PHONE)
    country: str | None = personal(PersonalField.COUNTRY, Text(2))
    city: str | None = personal(PersonalField.CITY)
    street_address: str | None = personal(PersonalField.STREET_ADDRESS)
    about: str | None = personal(PersonalField.ABOUT)
    public_pages: list[dict[str, Any]] | None = personal(PersonalField.PUBLIC_PAGES, Json(none_as_null=True))


class Profile(ProfileValues, table=True):
    """One subject's profile, with case-folded copies of the searchable fields."""

    __tablename__ = "profiles"

    first_name_folded: str | None = personal(PersonalField.FIRST_NAME)
    last_name_folded: str | None = personal(PersonalField.LAST_NAME)
    organization_folded: str | None = personal(PersonalField.ORGANIZATION)
    specialization_folded: str | None = personal(PersonalField.SPECIALIZATION)
    country_folded: str | None = personal(PersonalField.COUNTRY)
    city_folded: str | None = personal(PersonalField.CITY)

"""Stores the place of a subject on the map. It is derived from the IP address and stored only while SOCIAL stands."""

from typing import Any, Final

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import PROFILES
from resolvers.geolocation.lookup import Geolocation

NO_PLACE: Final[dict[str, Any]] = {
    "place_country": None,
    "place_city": None,
    "place_latitude": None,
    "place_longitude": None,
}


def place_columns(geolocation: Geolocation, address: str | None) -> dict[str, Any]:
    """The columns of a profile for the place of an address."""
    place = geolocation.place_of(address)
    if place is None:
        return NO_PLACE
    return {
        "place_country": place.country,
        "place_city": place.city,
        "place_latitude": place.latitude,
        "place_longitude": place.longitude,
    }


async def store_place(connection: AsyncConnection, subject_id: str, columns: dict[str, Any]) -> None:
    """Writes the place to the profile, and creates the profile if there is none."""
    changed = await connection.execute(update(PROFILES).where(PROFILES.c.subject_id == subject_id).values(columns))
    if changed.rowcount == 0 and columns["place_country"] is not None:
        await connection.execute(insert(PROFILES), {"subject_id": subject_id, **columns})

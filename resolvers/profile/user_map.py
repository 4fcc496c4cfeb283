"""The map of users: the counts that the same member could make from the directory."""

from dataclasses import dataclass

from sqlalchemy import func, select
from strawberry.types.info import Info

from models.vocabulary import PersonalField
from permissions.masked_columns import query_parameters
from resolvers.context import Context
from resolvers.geolocation.lookup import Place
from resolvers.subjects import read_subjects


@dataclass(frozen=True, slots=True)
class MapPlace:
    """A place and the number of subjects who show it as their location."""

    place: Place
    count: int


async def user_map(info: Info[Context, None]) -> list[MapPlace]:
    """Lists places by country and city. A subject who hides their location is not counted."""
    context = info.context
    seen = read_subjects.select_directory(context.caller.audience_to_others, PersonalField.LOCATION.bit).subquery()
    place = (seen.c.place_country, seen.c.place_city, seen.c.place_latitude, seen.c.place_longitude)
    counted = select(*place, func.count().label("people")).where(seen.c.place_country.is_not(None)).group_by(*place)
    async with context.database.reading() as connection:
        rows = (await connection.execute(counted, query_parameters(context.caller))).all()
    places = [MapPlace(Place(*row[:4]), row.people) for row in rows]
    return sorted(
        places,
        key=lambda each: (
            each.place.country,
            each.place.city or "",
            each.place.latitude or 0,
            each.place.longitude or 0,
        ),
    )

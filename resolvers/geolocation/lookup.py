"""Derives places from IP addresses with a local database; no request leaves the machine."""

import ipaddress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import maxminddb
from geoip2fast import GeoIP2Fast

from models.statistics.countries import COUNTRIES


@dataclass(frozen=True, slots=True)
class Place:
    """A country, and a city if known. The coordinates are those of the city's center."""

    country: str
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class Geolocation:
    """Looks up countries in packaged data, or countries and cities in a MaxMind database."""

    def __init__(self, database: Path | None = None) -> None:
        self._reader = maxminddb.open_database(database) if database else None

    @cached_property
    def _countries(self) -> Any:
        return GeoIP2Fast(verbose=False)

    def place_of(self, address: str | None) -> Place | None:
        """The place of an address, or None if it is unknown or not a public address."""
        if not address or not _is_global(address):
            return None
        if self._reader is not None:
            return _from_maxmind(self._reader.get(address))
        code = self._countries.lookup(address).country_code
        return Place(code) if code in COUNTRIES else None


def _is_global(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _from_maxmind(record: Any) -> Place | None:
    match record:
        case {"country": {"iso_code": str(code)}} if code in COUNTRIES:
            city = record.get("city", {}).get("names", {}).get("en")
            centre = record.get("location", {}) if city else {}
            return Place(code, city, centre.get("latitude"), centre.get("longitude"))
    return None

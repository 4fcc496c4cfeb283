"""Made-up people with names of many countries, mixed consents, and addresses that nobody owns."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from models.vocabulary import STAFF
from permissions.version_numbers import current_version

PASSWORD: Final = "correct horse battery staple"  # noqa: S105  # of made-up people, printed on purpose
DOMAIN: Final = "demo.example.org"

FIRST: Final = (
    "Amara",
    "Bao",
    "Carmen",
    "Dilnoza",
    "Emeka",
    "Freya",
    "Giorgos",
    "Hinewai",
    "Ines",
    "Jarek",
    "Kalani",
    "Leila",
    "Mateo",
    "Nomvula",
    "Oskar",
    "Paloma",
    "Rashid",
    "Saoirse",
    "Tomasz",
    "Ulrike",
    "Vikram",
    "Wanjiru",
    "Yara",
    "Zsófia",
)
LAST: Final = (
    "Abiodun",
    "Brandt",
    "Castellano",
    "Dvořák",
    "Eskelinen",
    "Fontaine",
    "Gutiérrez",
    "Haddad",
    "Ivanova",
    "Jensen",
    "Kapoor",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Ó-Briain",
    "Pereira",
    "Rahimi",
    "Šimić",
    "Tanaka",
    "Varga",
    "Wójcik",
    "Yildiz",
)
PLACES: Final = (
    ("EE", "Tallinn", "+3725555", "90.190."),
    ("US", "Austin", "+1512555", "12.34."),
    ("DE", "Leipzig", "+491760406", "91.20."),
    ("BR", "Recife", "+558195555", "177.10."),
    ("JP", "Osaka", "+81905555", "133.5."),
    ("KE", "Nairobi", "+25470555", "41.80."),
    ("FR", "Lyon", "+3361234", "90.60."),
    ("IN", "Pune", "+91987655", "117.200."),
)
SPECIALIZATIONS: Final = ("architecture", "prosthetics", "jewellery", "robotics", "aerospace", "education", "ceramics")
KINDS: Final = ("university", "school", "company", "makerspace", "library")
JOBS: Final = ("teacher", "engineer", "student", "designer", "lab manager")
INDUSTRIES: Final = ("education", "medical", "automotive", "aerospace", "consumer goods")
PRINTERS: Final = ("Prusa MK4", "Ultimaker S5", "Bambu X1", "Formlabs Form 4", "Creality Ender 3")
CAMPUSES: Final = ("US", "IN")
"""Countries where all people are at a university, so that statistics by two dimensions release a group."""
HIDDEN: Final = ("EMAIL", "MOBILE_PHONE", "STREET_ADDRESS", "LOCATION", "CITY", "ABOUT", "AVATAR_URL")


def sign_in_people() -> list[dict[str, Any]]:
    """One person per role to sign in as. They consent to everything and hide only the default fields."""
    names = ["member", *(role.lower() for role in STAFF)]
    return [_consenting(name, place) for place, name in enumerate(names)]


def _consenting(name: str, place: int) -> dict[str, Any]:
    granted = [
        {"purpose": purpose, "granted": True, "policyVersion": current_version().name}
        for purpose in ("SOCIAL", "EXPANSION")
    ]
    country, city, prefix, network = PLACES[place % len(PLACES)]
    return {
        "email": f"{name}@{DOMAIN}",
        "password": PASSWORD,
        "emailVerified": True,
        "ipAddress": f"{network}1.{place + 1}",
        "profile": {
            "firstName": FIRST[place],
            "lastName": LAST[place],
            "country": country,
            "city": city,
            "mobilePhone": f"{prefix}010{place}",
            "avatarUrl": f"https://img.example.org/avatar/{name}.webp",
            "about": "Made up for the demonstration.",
            "publicPages": [{"title": "First prints", "url": f"https://pages.example.org/{name}"}],
        },
        "preRegistration": {"country": country, "institutionType": "university", "mainPrinter": PRINTERS[place]},
        "consents": granted,
    }


class Population:
    """The other people, from one seed."""

    def __init__(self, size: int, seed: int, now: datetime) -> None:
        self.size = size
        self._chance = random.Random(seed)  # noqa: S311  # made-up people are no secret
        self._now = now

    def make_id(self) -> str:
        """An id from the seed."""
        return self._chance.randbytes(16).hex()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Each person as a line of an import."""
        for number in range(1, self.size - len(sign_in_people()) + 1):
            yield self._line(number)

    def _line(self, number: int) -> dict[str, Any]:
        chance = self._chance
        country, city, prefix, network = chance.choice(PLACES)
        hidden = chance.sample(HIDDEN, chance.randint(0, 3))
        return {
            "email": f"person{number}@{DOMAIN}",
            "emailVerified": chance.random() < 0.95,
            "ipAddress": f"{network}{chance.randint(0, 255)}.{chance.randint(1, 254)}",
            "hidden": hidden,
            "profile": self._profile(number, country, city, prefix),
            "preRegistration": self._form(country),
            "consents": [*self._consents("SOCIAL", 0.7), *self._consents("EXPANSION", 0.5)],
        }

    def _profile(self, number: int, country: str, city: str, prefix: str) -> dict[str, Any]:
        chance = self._chance
        first, last = chance.choice(FIRST), chance.choice(LAST)
        return {
            "firstName": first,
            "lastName": last,
            "organization": f"{chance.choice(LAST)} {chance.choice(('Labs', 'Works', 'College', 'Studio'))}",
            "specialization": chance.choice(SPECIALIZATIONS),
            "avatarUrl": f"https://img.example.org/avatar/{number}.webp",
            "wallpaperUrl": f"https://img.example.org/wallpaper/{number}.webp" if chance.random() < 0.5 else None,
            "mobilePhone": f"{prefix}{chance.randint(1000, 9999)}",
            "country": country,
            "city": city,
            "streetAddress": f"{chance.randint(1, 200)} {chance.choice(LAST)} Street",
            "about": f"Prints {chance.choice(SPECIALIZATIONS)} in {city}.",
            "publicPages": [{"title": f"{first}'s prints", "url": f"https://pages.example.org/{number}"}],
        }

    def _form(self, country: str) -> dict[str, Any]:
        chance = self._chance
        name, kind = f"{chance.choice(LAST)} Institute", chance.choice(KINDS)
        return {
            "country": country,
            "institutionName": name,
            "institutionType": "university" if country in CAMPUSES else kind,
            "jobRole": chance.choice(JOBS),
            "company": f"{chance.choice(LAST)} & {chance.choice(LAST)}",
            "industry": chance.choice(INDUSTRIES),
            "department": chance.choice(("research", "teaching", "production")),
            "organization": f"{chance.choice(LAST)} Group",
            "mainPrinter": chance.choice(PRINTERS),
        }

    def _consents(self, purpose: str, likely: float) -> list[dict[str, Any]]:
        chance = self._chance
        asked = self._now - timedelta(days=chance.randint(1, 20), seconds=chance.randint(0, 86_400))
        entry = {"purpose": purpose, "policyVersion": current_version().name}
        if chance.random() > 0.9:
            return []
        history = [{**entry, "granted": chance.random() < likely, "at": asked.isoformat()}]
        if history[0]["granted"] and chance.random() < 0.1:
            later = asked + timedelta(hours=chance.randint(1, 20))
            history.append({**entry, "granted": False, "at": later.isoformat()})
        return history

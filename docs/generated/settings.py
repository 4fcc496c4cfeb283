"""The settings, read from their declarations."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from app.settings import Settings
from app.settings_section import PREFIX
from docs.generated.markdown import code, codes, sections, table
from permissions.retention_periods import RETENTION, period_text

BOUNDS: Final = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def parts() -> dict[str, str]:
    """The generated parts of `settings.md`."""
    periods = [(code(kind), kept.what, period_text(kept.period), kept.since) for kind, kept in RETENTION.items()]
    return {
        "settings": sections(part for section in Settings.__bases__ for part in _section(section)),
        "periods": table(("kind", "records", "period", "counted"), periods),
    }


def _section(section: Any) -> Iterator[str]:
    yield f"## {section.title}"
    yield section.__doc__
    rows = [_row(name, field) for name, field in section.model_fields.items()]
    yield table(("setting", "takes", "default", "meaning"), rows)


def _row(name: str, field: FieldInfo) -> tuple[str, str, str, str]:
    if not field.description:
        raise ValueError(f"{name} has no description")
    return code(PREFIX + name.upper()), _takes(field), _default(field), field.description


def _takes(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return codes(kind, " or ")
    limits = [
        f"{words} {getattr(limit, name):,}"
        for limit in field.metadata
        for name, words in BOUNDS.items()
        if hasattr(limit, name)
    ]
    return ", ".join(limits) or _kind(kind)


def _kind(kind: Any) -> str:
    text = str(kind)
    if "tuple" in text:
        return "a list"
    if "dict" in text:
        return "a list of periods"
    if kind is timedelta:
        return "a period"
    return "a path" if str(Path.__name__) in text else "text"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, timedelta):
        return code(f"{value.days}d")
    return "none" if value in (None, (), {}) else code(value)

"""The sections of an export, read from their declarations."""

from collections.abc import Iterator

from docs.generated.markdown import code, codes, sections, table
from permissions.retention_periods import RETENTION
from resolvers.export.document import SECTIONS
from resolvers.export.personal_records import TABLES_WITHOUT_SUBJECTS
from resolvers.export.section import ExportSection
from resolvers.validation.free_text import camel_case


def parts() -> dict[str, str]:
    """The generated parts of `export.md`."""
    overview = [
        (f"[{code(each.name)}](#{each.name.lower()})", _tables(each), codes(each.head(RETENTION)["purposes"]))
        for each in SECTIONS
    ]
    others = sorted((code(each.name), contents) for each, contents in TABLES_WITHOUT_SUBJECTS.items())
    return {
        "overview": table(("section", "from the table", "purposes"), overview),
        "sections": sections(part for each in SECTIONS for part in _section(each)),
        "others": table(("table", "contains"), others),
    }


def _tables(section: ExportSection) -> str:
    return codes(each.name for each in section.tables)


def _section(section: ExportSection) -> Iterator[str]:
    head = section.head(RETENTION)
    yield f"## {section.name}"
    yield f"From {_tables(section)}. Lawful basis: {'; '.join(head['lawfulBasis'])}."
    yield "Kept: " + " ".join(f"{each['what']}, {each['why']}" for each in head["retention"])
    yield f"Exported: {codes(camel_case(name) for name in section.exported)}."
    if section.omitted:
        yield table(("column left out", "why"), [(code(name), why) for name, why in section.omitted.items()])

"""Rules for the structure of the code."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("models", "permissions", "resolvers", "schema", "app")
MODULES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py") if "node_modules" not in path.parts)
NAMED = re.compile(r"^(get_|utils?$|helpers?$|manager$|service$|base$|common$|core$)")
OVERRIDES = {"get_result"}
"""Names that a library prescribes."""

IDS = [str(path.relative_to(ROOT)) for path in MODULES]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_modules_and_functions_are_short_and_modules_have_a_docstring(path: Path) -> None:
    lines = path.read_text().splitlines()
    if "migrations" not in path.parts:
        assert len(lines) <= 250
        for each in functions(path):
            assert (each.end_lineno or 0) - each.lineno < 40, each.name
            assert len(each.args.args) + len(each.args.kwonlyargs) <= 8, each.name
    assert ast.get_docstring(tree(path)), "no docstring"
    names = [path.stem, *(each.name for each in functions(path) if each.name not in OVERRIDES)]
    assert [name for name in names if NAMED.match(name)] == []


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "schema"], ids=lambda path: path.stem)
def test_the_schema_contains_only_declarations(path: Path) -> None:
    if path.stem in ("type_resolution", "scalars", "build"):
        return
    statements = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Await, ast.If, ast.For, ast.While, ast.Try)
    assert [type(node).__name__ for node in ast.walk(tree(path)) if isinstance(node, statements)] == []


def test_personal_columns_are_read_in_one_place() -> None:
    """Any other module that names a profile's columns writes, case-folds or derives them."""
    reads = re.compile(r"\b(PROFILES|PRE_REGISTRATIONS)\.c\.(?!subject_id)")
    readers = {str(path.relative_to(ROOT)) for path in MODULES if reads.search(path.read_text())}
    assert readers <= {
        "permissions/masked_columns.py",
        "resolvers/subjects/read_subjects.py",
        "resolvers/subjects/password_owner.py",
        "resolvers/profile/directory.py",
    }
    legal_holds = {str(path.relative_to(ROOT)) for path in MODULES if "HELD_PROFILES" in path.read_text()}
    assert legal_holds == {
        "models/tables.py",
        "resolvers/export/legal_hold_records.py",
        "resolvers/subjects/legal_hold_values.py",
        "resolvers/erasure/personal_tables.py",
    }


def test_no_dependency_has_a_package_of_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    assert {name: owners[name] for name in LAYERS if owners.get(name, ["consentql"]) != ["consentql"]} == {}


def test_every_type_ignore_has_a_reason() -> None:
    bare = [
        f"{path.name}:{number}"
        for path in MODULES
        for number, text in enumerate(path.read_text().splitlines(), start=1)
        if "type: ignore" in text and not re.search(r"# type: ignore\[[a-z-]+\]  # \w+", text)
    ]
    assert bare == []


def test_lock_files_name_no_index_and_hash_every_package() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text, lock.name
        packages = re.split(r"\n(?=[a-z])", text.strip())
        assert all("--hash=sha256:" in package for package in packages if "==" in package), lock.name


def test_generated_and_fetched_files_are_not_tracked() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    assert [
        path for path in tracked if re.search(r"node_modules|\.min\.js|\.egg-info|__pycache__|\.db$|^var/", path)
    ] == []


def test_layers_import_only_lower_layers() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout

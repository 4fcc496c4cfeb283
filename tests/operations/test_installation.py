"""A wheel brings everything that it serves, and another package under one of our names is noticed."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from app.graphql.graphiql import FILES, is_installed
from tests.serving import serving

ROOT = Path(__file__).resolve().parent.parent.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
NO_GRAPHIQL = "This build contains no GraphiQL"


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "COVERAGE_FILE")}
    words = [str(word) for word in command]
    settings = {**plain, **variables}
    return subprocess.run(words, env=settings, capture_output=True, text=True, timeout=600, check=False)


def built(source: Path, folder: Path) -> tuple[Path, str]:
    """The wheel of this source, and what the build said."""
    done = run(*PIP[:-1], "wheel", "-v", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("consentql-*.whl")
    return wheel, done.stdout + done.stderr


def environment(folder: Path) -> Path:
    """A fresh environment that finds our dependencies, and not our source."""
    venv.create(folder, with_pip=False)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def install(folder: Path, wheel: Path) -> None:
    done = run(*PIP, "--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, done.stderr


def package(folder: Path, name: str, module: str) -> Path:
    """A wheel of another package that brings this top-level module."""
    wheel = folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{module}/__init__.py", "ANOTHER = True\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{module}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("wheel"))[0]


@pytest.mark.skipif(not is_installed(), reason="GraphiQL's files are not here: `make setup`")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_installed_wheel_serves_graphiql_and_the_pages(
    backend: str, database_url: str, wheel: Path, tmp_path: Path
) -> None:
    folder = environment(tmp_path / "venv")
    install(folder, wheel)
    program = folder / "bin" / "consentql"
    with serving(database_url, tmp_path, program=[str(program)], PYTHONPATH="") as server:
        paths = ["/graphql", "/verify", "/reset", "/letter/letter-page.js", *(f"/graphiql/{name}" for name in FILES)]
        html = {"Accept": "text/html"}
        found = {path: httpx.get(server.url + path, headers=html).status_code for path in paths}
        assert found == dict.fromkeys(paths, 200)
        assert "GraphiQL" in httpx.get(f"{server.url}/graphql", headers=html).text


def test_a_build_without_graphiql_says_so(tmp_path: Path) -> None:
    source = tmp_path / "source"
    listed = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard")
    names = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    for name in names:
        if name.startswith(("app/", "schema/", "resolvers/", "permissions/", "models/")) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    made, said = built(source, tmp_path / "wheels")
    assert NO_GRAPHIQL in said
    assert not any("app/web/graphiql/" in name for name in zipfile.ZipFile(made).namelist())


def test_another_package_that_overwrote_one_of_our_modules_is_named(wheel: Path, tmp_path: Path) -> None:
    folder = environment(tmp_path / "venv")
    install(folder, wheel)
    program = folder / "bin" / "consentql"
    assert run(program, "--version").returncode == 0
    install(folder, package(tmp_path, "their-models", "models"))
    done = run(program, "--version")
    told = "Another package (their-models) provides the top-level module `models`."
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{told} Install ConsentQL in a separate environment.\n"


@pytest.mark.parametrize("name", ["app", "schema", "resolvers", "permissions", "models"])
def test_another_module_earlier_on_the_path_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    done = run(Path(sys.executable).with_name("consentql"), "--version", PYTHONPATH=str(tmp_path))
    told = f"Another package (in {tmp_path}) provides the top-level module `{name}`."
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{told} Install ConsentQL in a separate environment.\n"

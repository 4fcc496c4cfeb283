"""Laws of the prose check: each rule finds its sample, and plain text has no findings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prose.check import Finding, banned, long_sentences
from tests.prose.rules import BANNED, Rule

ROOT = Path(__file__).resolve().parents[2]
BEFORE = (
    "Whoever is erased signs in no more.",
    "The person whom the case is about.",
    "The place whence a request comes.",
    "It reads whatever a client sends.",
    "It names somebody in the log.",
    "A field that is nobody's.",
    "It waits, so that nobody is kept out.",
    "This token was never one of ours.",
    "A world with a clock of its own.",
    "The subject reads of themself.",
    "Each one is counted by itself.",
    "It is for the owner alone.",
    "The file is written anew.",
    "It treats both kinds alike.",
    "The token is stored nowhere.",
    "All records but for the newest one.",
    "The row stands in the table beside the other.",
    "Each row of which a part is hidden.",
    "The letter waited in vain.",
    "The password stays as it is.",
    "It repeats no more often than it does.",
    "A page with nothing of the subject.",
    "The purpose is None where no consent is needed.",
    "What it was is no account of a person.",
    "It takes one operation a document.",
    "The client is told the reason.",
    "The answer tells nobody that it exists.",
    "The subject as a member meets them.",
    "The server is asked once.",
    "It names what is asked of the graph.",
    "The session goes on with another cookie.",
    "The row is old and goes.",
    "The instant lies in the future.",
    "One check stands between the two.",
    "Each record carries a receipt.",
    "An invalid token is taken for none.",
    "The field is kept back from staff.",
    "It mends the table.",
    "The models know nothing about the graph.",
    "An earlier grant gives way to it.",
    "The account's time is over.",
    "The file is whole after a crash.",
    "It is put aside for a request.",
    "The export uses the same door.",
    "The subject is in the sight of staff.",
    "A crowd signs in.",
    "The visitors take turns.",
    "Redis is out of reach.",
    "To which table the row belongs.",
    "Whose password was right.",
    "So it is with readers.",
    "What is due for erasure.",
    "Who asks to be erased is gone.",
    "Says who may read the field.",
)
AFTER = (
    "After consent is withdrawn, the next read no longer returns the data.",
    "Returns ABSENT if the caller may read no field.",
    "Turns a token into a `Caller`. An invalid token is an error, never an anonymous caller.",
    "Limits how many requests without credentials run at once, so that a burst does not slow everyone else.",
    "You cannot turn off two-factor sign-in while you hold a staff role.",
    "If someone else registered your address, you can claim it and start with an empty account.",
    "There is no database at that path. Run `consentql migrate` to create one.",
    "Who may read the field? What is a purpose?",
)


def found(source: str, name: str = "page.md") -> list[Finding]:
    return list(banned(Path(name), source))


@pytest.mark.parametrize("sentence", BEFORE)
def test_a_banned_wording_is_found(sentence: str) -> None:
    assert found(sentence)


@pytest.mark.parametrize("rule", BANNED, ids=lambda rule: rule.pattern)
def test_each_rule_finds_a_sample(rule: Rule) -> None:
    assert any(finding.message.endswith(f": {rule.instead}") for each in BEFORE for finding in found(each))


@pytest.mark.parametrize("sentence", AFTER)
def test_plain_text_has_no_findings(sentence: str) -> None:
    assert found(sentence) == []


def test_a_finding_names_line_wording_and_replacement() -> None:
    (finding,) = found("# Title\n\nA sentence that\nends with anew.\n")
    assert (finding.line, finding.message) == (4, '"anew": say "again"')


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("module.py", '"""Written anew."""\n'),
        ("module.py", 'LIMIT = 3\n"""Written anew."""\n'),
        ("module.py", "# a first line of a comment\n# that is written anew\n"),
        ("module.py", 'raise Fault("The file is written anew.")\n'),
        ("module.py", 'raise Fault(f"The file {name} is written anew.")\n'),
        ("page.html", "<p>The file\nis <b>written</b> anew.</p>"),
        ("page.js", "// written anew\n"),
        ("page.js", 'const TEXT = "The file is written anew.";\n'),
        ("page.css", "/* written anew */"),
        ("Makefile", "lock: ## Writes the files anew\n"),
        ("page.md", "| file | written anew |\n| --- | --- |\n"),
    ],
)
def test_prose_of_every_kind_of_file_is_read(name: str, source: str) -> None:
    assert len(found(source, name)) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("module.py", "anew = told = 3  # noqa: F841 anew\n"),
        ("module.py", 'KEY = "anew"\n'),
        ("module.py", 'QUERY = "query { told anew alone }"\n'),
        ("policy.py", 'READINGS: Final = ("The policy as it was read anew.",)\n'),
        ("tests/test_it.py", 'SENT = "The file is written anew."\n'),
        ("page.md", "```sh\necho anew\n```\n\nThe word `anew`.\n\n> Quoted anew.\n\n<!-- anew -->\n"),
        ("page.html", "<script>const anew = 1;</script><style>.anew {}</style><!-- anew -->"),
        ("page.md", "<!-- Generated by `make docs`. -->\n\nWritten anew.\n"),
        ("data.json", '{"text": "written anew"}'),
    ],
)
def test_code_data_and_quotations_are_not_prose(name: str, source: str) -> None:
    assert found(source, name) == []


def test_a_sentence_over_thirty_words_is_long_and_a_shorter_one_is_not() -> None:
    source = "Short one.\nLong " + "word " * 29 + "end.\nAnother " + "word " * 28 + "end.\n"
    (finding,) = long_sentences(Path("page.md"), source)
    assert (finding.line, finding.message) == (2, "a sentence of 31 words: Long word word word word word …")


def test_the_command_names_each_place_and_fails(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    page = tmp_path / "page.md"
    page.write_text("Written again.\n")
    assert _run(tmp_path) == (0, "")
    page.write_text("Written\nanew.\n")
    assert _run(tmp_path) == (1, 'page.md:2: "anew": say "again"\n')


def _run(folder: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.prose", "page.md"]
    paths = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=folder, env=paths, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout

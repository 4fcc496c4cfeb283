"""`consentql policy` prints the policy and the record of processing."""

import json
from pathlib import Path

from app.commands.policy.show import Format, render_policy
from app.settings import Settings
from models.vocabulary import Audience, PersonalField, Purpose
from permissions.policy_text import current_policy
from tests.serving import consentql


def test_the_record_of_processing_contains_the_whole_policy() -> None:
    settings = Settings(controller_name="Plate Works OÜ", controller_contact="privacy@plate.example")
    text = render_policy(Format.RECORD, settings)
    now = current_policy()
    words = [*PersonalField, *Purpose, *Audience, settings.controller_name, settings.controller_contact]
    words += [part for each in now.purposes for part in (each.text, each.lawful_basis)]
    words += [part for each in now.retention for part in (each.what, each.why)]
    words += [each.text for each in now.processors]
    words += [each.reading for each in now.readings]
    assert [word for word in words if str(word) not in text] == []
    assert "CONSENTQL_" in render_policy(Format.RECORD, Settings())


def test_the_policy_command_prints_the_policy_in_each_format(tmp_path: Path) -> None:
    plain = consentql("", "policy", cwd=tmp_path, CONSENTQL_RETENTION="sessions=3d")
    assert plain.stdout.startswith("field ")
    as_json = consentql("", "policy", "--format", "json", cwd=tmp_path, CONSENTQL_RETENTION="sessions=3d")
    assert json.loads(as_json.stdout)["retention"][4]["why"].startswith("3 days")
    record = consentql("", "policy", "--format", "record", cwd=tmp_path, CONSENTQL_RETENTION="sessions=3d")
    assert "3 days after they end" in record.stdout
    assert consentql("", "policy", "--format", "verse", cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []

"""Stops the server if the table gives more access than the published policy versions announce."""

from itertools import pairwise
from typing import Final

from permissions import policy
from permissions.policy_text import Policy, current_policy
from permissions.versions import diff
from permissions.versions.published import InvalidPolicyFile, published_policy

WHAT_TO_DO: Final = (
    "Add a Version to permissions/policy.py that names these purposes in `changes`, then store its text: "
    "consentql policy --format json > permissions/versions/VERSION.json"
)


class UnannouncedChange(Exception):
    """The table gives more access than any policy version announces."""


def require_announced(*, text_required: bool = False) -> None:
    """Raises UnannouncedChange with every unannounced access.

    `text_required`: also raise it if the text of the newest version is not stored.
    """
    newest = policy.VERSIONS[-1].name
    problems = unannounced_changes()
    if not problems and text_required and published_policy(newest) is None:
        problems = [missing_file(newest)]
    if problems:
        raise UnannouncedChange("\n".join([*problems, WHAT_TO_DO]))


def unannounced_changes() -> list[str]:
    """Returns every access that a version, or the current table, adds without naming its purpose."""
    versions: list[tuple[int, Policy]] = []
    for number, version in enumerate(policy.VERSIONS):
        try:
            text = published_policy(version.name)
        except InvalidPolicyFile as problem:
            return [str(problem)]
        versions += [(number, text)] if text else []
    if not versions:
        return ["No policy version is stored in permissions/versions, so nothing shows what subjects agreed to."]
    problems = []
    for (earlier, old), (later, new) in pairwise([*versions, (len(policy.VERSIONS) - 1, current_policy())]):
        announced = {purpose for version in policy.VERSIONS[earlier + 1 : later + 1] for purpose in version.changes}
        for purpose, reasons in diff.material_changes(old, new).items():
            if purpose not in announced:
                problems += [f"{reason}; no version after {old.version} changes {purpose}" for reason in reasons]
    return list(dict.fromkeys(problems))


def missing_file(name: str) -> str:
    """Returns the sentence that a version's text is not stored."""
    return f"permissions/versions/{name}.json does not exist, so the text of version {name} is unknown"

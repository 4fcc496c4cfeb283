"""Nothing starts with more readers than its subjects were told of: what widens needs a version that says so."""

from typing import Final

from permissions import policy
from permissions.policy_text import Policy, current_policy
from permissions.versions import diff
from permissions.versions.published import InvalidPolicyFile, published_policy

WHAT_TO_DO: Final = (
    "Add a Version to permissions/policy.py that names these purposes among its changes, then keep what it says: "
    "consentql policy --format json > permissions/versions/VERSION.json"
)


class UnannouncedChange(Exception):
    """The table shows more than any version of the policy says."""


def require_announced(*, kept: bool = False) -> None:
    """Raises Unannounced, with all that widened; `kept`: the newest version's own words must be there too."""
    newest = policy.VERSIONS[-1].name
    found = unannounced_changes() or ([missing_file(newest)] if kept and published_policy(newest) is None else [])
    if found:
        raise UnannouncedChange("\n".join([*found, WHAT_TO_DO]))


def unannounced_changes() -> list[str]:
    """What each version, and the table as it is now, shows beyond the version before without naming the purpose."""
    known: list[tuple[int, Policy]] = []
    for place, version in enumerate(policy.VERSIONS):
        try:
            said = published_policy(version.name)
        except InvalidPolicyFile as problem:
            return [str(problem)]
        known += [(place, said)] if said else []
    if not known:
        return ["No version of the policy was kept, so that nobody knows what subjects were told."]
    found = []
    for (earlier, old), (later, new) in zip(
        known, [*known[1:], (len(policy.VERSIONS) - 1, current_policy())], strict=True
    ):
        named = {purpose for version in policy.VERSIONS[earlier + 1 : later + 1] for purpose in version.changes}
        for purpose, reasons in diff.material_changes(old, new).items():
            found += [f"{reason}; no version after {old.version} changes {purpose}" for reason in reasons] * (
                purpose not in named
            )
    return list(dict.fromkeys(found))


def missing_file(name: str) -> str:
    """That nobody kept what a version said."""
    return f"permissions/versions/{name}.json is not there: nobody knows what version {name} said"

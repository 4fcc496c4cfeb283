"""The text of each e-mail. It contains no name and no user input except the reference of a support case."""

from dataclasses import dataclass
from typing import Final

from models.letters import Notice


@dataclass(frozen=True, slots=True)
class LetterText:
    """A subject and a body. `{…}` in the body are placeholders for `LetterFacts`."""

    subject: str
    body: str


IF_NOT_YOU: Final = """\
If this was not you, someone else has your password. Choose "forgot password"
on the sign-in page and set a new one. This ends every session. Then contact
support.
"""

TEXTS: Final = {
    Notice.VERIFY_ADDRESS: LetterText(
        "Confirm your e-mail address",
        """\
You, or someone who entered your address, registered at {site} on
{registered}. To confirm that this address is yours, open this link by {until}:

{link}

If this was not you, do nothing. The account stays invisible until the address
is confirmed. You get no other e-mail about it unless someone requests one.
""",
    ),
    Notice.CLAIM_ADDRESS: LetterText(
        "Is this your address?",
        """\
Someone registered at {site} with this address on {registered} and never
confirmed it. Now someone tried to register with it again.

If you want the account, set your own password here:

{link}

The link works until {until}. When you use it, the profile entered before and
the earlier password are discarded.

If you do not want an account, do nothing.
""",
    ),
    Notice.ALREADY_REGISTERED: LetterText(
        "You already have an account",
        """\
On {at}, you or someone else tried to register at {site} with this address.
You already have an account, and it has not changed.

Sign in as usual, or set a new password by {until} here:

{link}

If this was not you, do nothing. The person who tried cannot see that you have
an account.
""",
    ),
    Notice.RESET_PASSWORD: LetterText(
        "Set a new password",
        """\
On {at}, you or someone else requested a new password for your account at
{site}. To set one, open this link by {until}:

{link}

The link works once. Setting a password ends every session. If you use an
authenticator, you still need it to sign in.

If this was not you, do nothing. Your password does not change.
""",
    ),
    Notice.CONFIRM_ADDRESS: LetterText(
        "Confirm your new e-mail address",
        """\
On {at}, the owner of an account at {site} asked to change its e-mail address
to this one. If this was you, open this link by {until}, where you asked for
the change or where you are signed in:

{link}

If this was not you, do nothing. The account keeps its current address.
""",
    ),
    Notice.ADDRESS_CHANGING: LetterText(
        "Your e-mail address is about to change",
        f"""\
On {{at}}, a new e-mail address was requested for your account at {{site}}.
The change takes effect when the new address is confirmed. Until then you sign
in with this one.

{IF_NOT_YOU}""",
    ),
    Notice.PASSWORD_CHANGED: LetterText(
        "Your password was changed",
        """\
The password of your account at {site} was changed on {at}.

If this was not you, choose "forgot password" on the sign-in page now and set a
new one. This ends every session. Then contact support.
""",
    ),
    Notice.TOTP_ENABLED: LetterText(
        "Your authenticator is on",
        f"""\
Since {{at}}, signing in to your account at {{site}} requires a code from your
authenticator as well as your password. Keep the recovery codes where you can
find them without your phone.

{IF_NOT_YOU}""",
    ),
    Notice.TOTP_DISABLED: LetterText(
        "Your authenticator is off",
        f"""\
Since {{at}}, signing in to your account at {{site}} requires only your
password. The authenticator and all recovery codes no longer work.

{IF_NOT_YOU}""",
    ),
    Notice.RECOVERY_CODES_REPLACED: LetterText(
        "Your recovery codes were replaced",
        f"""\
On {{at}}, new recovery codes were created for your account at {{site}}. The
earlier codes no longer work.

{IF_NOT_YOU}""",
    ),
    Notice.RECOVERY_CODE_USED: LetterText(
        "A recovery code was used",
        f"""\
On {{at}}, someone signed in to your account at {{site}} with a recovery code
instead of the authenticator. That code no longer works. If you have lost your
authenticator, turn it off and set up a new one.

{IF_NOT_YOU}""",
    ),
    Notice.NEW_DEVICE: LetterText(
        "A sign-in from a new device",
        f"""\
On {{at}}, someone signed in to your account at {{site}} from a device or
browser that was not used with it before. If this was you, you do not need to
do anything. Your account lists your sessions and lets you end them.

{IF_NOT_YOU}""",
    ),
    Notice.SESSION_STOLEN: LetterText(
        "A session was ended",
        """\
On {at}, a token of one of your sessions at {site} was used a second time.
Someone may have copied it, so that session was ended. Your password and your
other sessions have not changed.

Sign in again. If you see sessions that you do not know, end them and set a new
password.
""",
    ),
    Notice.SIGN_IN_LOCKED: LetterText(
        "Someone is guessing your password",
        """\
At least 100 wrong passwords in a row were entered for your account at {site},
the last one on {at}. Until you act, the password works only on devices that
have signed in before.

To unlock it, sign in on such a device, or choose "forgot password" on the
sign-in page. If you work for {site}, you can also ask an administrator.
""",
    ),
    Notice.CODES_WRONG: LetterText(
        "Someone may have your password",
        """\
On {at}, someone entered the password of your account at {site} and then wrong
codes of the authenticator, three or more in a row. Without a code they cannot
sign in, and cannot change how you sign in.

If this was not you, someone else has your password. Choose "forgot password"
on the sign-in page and set a new one. This ends every session.
""",
    ),
    Notice.CASE_OPENED: LetterText(
        "A support case about your account",
        """\
On {at}, our staff opened a support case about your account at {site}. Its
reference is

    {reference}

Your account shows why it was opened, which of your data it gives access to,
until when, and to which agent. There you can remove fields from the case or
close it. Both take effect at once.
""",
    ),
    Notice.CASE_ASSIGNED: LetterText(
        "Your support case has an agent",
        """\
On {at}, an agent was assigned to the support case about your account at
{site}. Its reference is

    {reference}

The agent can now read the data that the case gives access to. Your account
shows which data that is, and each time the agent reads it. There you can
remove fields from the case or close it. Both take effect at once.
""",
    ),
    Notice.ERASURE_SCHEDULED: LetterText(
        "Your account will be erased",
        f"""\
On {{at}}, the erasure of your account at {{site}} was requested. The account
is now invisible to everyone there, and every session has ended. Your data will
be erased on

    {{until}}

except for what the law requires us to keep. To keep the account, sign in and
cancel the erasure before that day: until then, nothing is lost. If you had a
staff role, it has ended and does not come back.

{IF_NOT_YOU}""",
    ),
    Notice.ERASURE_CANCELLED: LetterText(
        "Your account stays",
        f"""\
On {{at}}, the erasure of your account at {{site}} was cancelled. Your data is
complete, and the same people can see it as before.

{IF_NOT_YOU}""",
    ),
}

ADDRESS_TAKEN: Final = LetterText(
    "This address already has an account",
    """\
On {at}, the owner of another account at {site} asked to change its e-mail
address to this one. This address already has an account there, so neither
account changes.

If this was you, sign in with this address, or have one of the accounts erased
first. If this was not you, do nothing. The person who asked cannot see that
you have an account.
""",
)
"""Replaces the text of CONFIRM_ADDRESS. The row of the letter is the same, so that it reveals nothing to the asker."""

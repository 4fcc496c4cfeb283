"""What each notice says: nothing that anybody typed but a case's reference, and nobody's name."""

from dataclasses import dataclass
from typing import Final

from models.vocabulary import Notice


@dataclass(frozen=True, slots=True)
class LetterText:
    """A subject and a body; `{…}` are the facts of a letter."""

    subject: str
    body: str


IF_NOT_YOU: Final = """\
If it was not you, somebody else has your password. Set a new one with "forgot
password" where you sign in: that ends every session. Then ask support.
"""

TEXTS: Final = {
    Notice.VERIFY_ADDRESS: LetterText(
        "Confirm your e-mail address",
        """\
Somebody, most likely you, registered at {site} with this address on
{registered}. To confirm that the address is yours, open

{link}

by {until}.

If it was not you, do nothing. Nobody sees the account while it is not
confirmed, and you get no other mail about it unless somebody asks for it.
""",
    ),
    Notice.CLAIM_ADDRESS: LetterText(
        "Is this your address?",
        """\
Somebody registered at {site} with this address on {registered}.
It was never confirmed, and now somebody asked for an account with it again.

If you want the account, set a password of your own here:

{link}

The link works until {until}. What was entered before is
then discarded, the earlier password too.

If you want no account, do nothing.
""",
    ),
    Notice.ALREADY_REGISTERED: LetterText(
        "You already have an account",
        """\
Somebody, most likely you, asked for an account at {site} with this
address on {at}. You already have one, and nothing about it has
changed.

Sign in as usual, or set a new password by {until} here:

{link}

If it was not you, do nothing: whoever it was has not been told that you have
an account.
""",
    ),
    Notice.RESET_PASSWORD: LetterText(
        "Set a new password",
        """\
Somebody, most likely you, asked on {at} for a new password at
{site}. To set one, open

{link}

by {until}. It works once and ends every session. Where you use an
authenticator, you need it as before.

If it was not you, do nothing: the password stays as it is.
""",
    ),
    Notice.CONFIRM_ADDRESS: LetterText(
        "Confirm your new e-mail address",
        """\
On {at} the holder of an account at {site} asked for it to be moved
to this address. If that is you, open

{link}

by {until}.

If it was not you, do nothing: the account keeps the address that it has.
""",
    ),
    Notice.ADDRESS_CHANGING: LetterText(
        "Your e-mail address is about to change",
        f"""\
On {{at}} a new e-mail address was asked for, for your account at
{{site}}. It counts once the new address is confirmed; until then
you sign in with this one.

{IF_NOT_YOU}""",
    ),
    Notice.PASSWORD_CHANGED: LetterText(
        "Your password was changed",
        """\
The password of your account at {site} was changed on {at}.

If it was not you, set a new one at once with "forgot password" where you sign
in: that ends every session. Then ask support.
""",
    ),
    Notice.TOTP_ENABLED: LetterText(
        "Your authenticator is on",
        f"""\
Since {{at}} signing in to your account at {{site}} takes a code
of your authenticator beside the password. Keep the recovery codes where you
find them without your phone.

{IF_NOT_YOU}""",
    ),
    Notice.TOTP_DISABLED: LetterText(
        "Your authenticator is off",
        f"""\
Since {{at}} signing in to your account at {{site}} takes the
password alone. The authenticator and all recovery codes are void.

{IF_NOT_YOU}""",
    ),
    Notice.RECOVERY_CODES_REPLACED: LetterText(
        "Your recovery codes were replaced",
        f"""\
On {{at}} new recovery codes were made for your account at
{{site}}. The earlier ones are void.

{IF_NOT_YOU}""",
    ),
    Notice.RECOVERY_CODE_USED: LetterText(
        "A recovery code was used",
        f"""\
On {{at}} somebody signed in to your account at {{site}} with a
recovery code in place of the authenticator. That code is void now. If the
authenticator is lost, turn it off and set a new one up.

{IF_NOT_YOU}""",
    ),
    Notice.NEW_DEVICE: LetterText(
        "A sign-in from a new device",
        f"""\
On {{at}} somebody signed in to your account at {{site}} from a
device or browser that it has not seen before. If it was you, there is nothing
to do. You see and end your sessions in your account.

{IF_NOT_YOU}""",
    ),
    Notice.SESSION_STOLEN: LetterText(
        "A session was ended",
        """\
On {at} a key of one of your sessions at {site} was used a second
time. Somebody may have copied it, so that session was ended. Your password and
your other sessions are as they were.

Sign in again. If you see sessions that you do not know, end them, and set a
new password.
""",
    ),
    Notice.CASE_OPENED: LetterText(
        "A support case about your account",
        """\
On {at} our staff opened a support case about your account at
{site}. Its reference is

    {reference}

In your account you see why, which of your data it opens, until when and to
whom. There you can narrow it or close it; either counts at once.
""",
    ),
    Notice.CASE_ASSIGNED: LetterText(
        "Your support case has an agent",
        """\
On {at} the support case about your account at {site} with the
reference

    {reference}

was given to an agent, who can now read the data that it opens. In your account
you see which data that is and each time that it is read. There you can narrow
the case or close it; either counts at once.
""",
    ),
    Notice.ERASURE_SCHEDULED: LetterText(
        "Your account will be erased",
        f"""\
On {{at}} erasure was asked for, of your account at {{site}}.
Nobody there sees it any more, and every session has ended. On

    {{until}}

everything goes that no law keeps. To keep the account, sign in and cancel the
erasure before then: nothing is lost until that day. A staff role has ended for
good.

{IF_NOT_YOU}""",
    ),
    Notice.ERASURE_CANCELLED: LetterText(
        "Your account stays",
        f"""\
On {{at}} the erasure of your account at {{site}} was cancelled.
Everything is as it was before, and seen by whom it was seen.

{IF_NOT_YOU}""",
    ),
}

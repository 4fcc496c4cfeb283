"""Invalid operations that contain a canary, which no answer and no log may repeat."""

from tests.http.requests import CANARY
from tests.world import PASSWORD

LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) { ... on SignedIn { token } ... on Refusal { code field } } }"""


SECRETS = {
    "a wrong type": (LOGIN, {"input": {"email": "p@example.org", "password": {"x": CANARY}}}),
    "a list": (LOGIN, {"input": {"email": "p@example.org", "password": [CANARY]}}),
    "an unknown key": (LOGIN, {"input": {"email": "p@example.org", "password": "x", CANARY: "x"}}),
    "a misspelt key": (LOGIN, {"input": {"email": "p@example.org", "passwort": CANARY}}),
    "a text for an object": (LOGIN, {"input": CANARY}),
    "an undeclared variable": ("{ viewr { role } }", {"input": CANARY, CANARY: 1}),
    "an enum value": ("mutation ($p: Purpose!) { withdrawConsent(purpose: $p) { __typename } }", {"p": CANARY}),
    "an instant": (
        "mutation ($at: DateTime!) { grantRole(userId: 1, role: SUPPORT, expiresAt: $at) }",
        {"at": f"2030-01-01 {CANARY}"},
    ),
    "a right password with a wrong address": (LOGIN, {"input": {"email": f"{CANARY}@", "password": CANARY}}),
    "a wrong password": (LOGIN, {"input": {"email": "p@example.org", "password": CANARY}}),
    "a password too long": (LOGIN, {"input": {"email": "p@example.org", "password": CANARY * 200}}),
    "a client's name": (
        LOGIN,
        {"input": {"email": "p@example.org", "password": PASSWORD, "client": f"{CANARY}\x07"}},
    ),
    "a field": (f"{{ {CANARY} }}", None),
    "a field below": (f"{{ viewer {{ {CANARY}(a: 1) }} }}", None),
    "an argument": (f'{{ user(id: "1", {CANARY}: 1) {{ id }} }}', None),
    "an argument's value": (f'{{ users(first: "{CANARY}") {{ edges {{ cursor }} }} }}', None),
    "an object for a text": (f'{{ user(id: {{a: "{CANARY}"}}) {{ id }} }}', None),
    "a literal key": (
        f'mutation {{ login(input: {{email: "a", password: "b", {CANARY}: 1}}) {{ __typename }} }}',
        None,
    ),
    "a literal beside a misspelt key": (
        f'mutation {{ login(input: {{email: "a", passwort: "{CANARY}"}}) {{ __typename }} }}',
        None,
    ),
    "a literal of a wrong type": (
        f'mutation {{ login(input: {{email: "a", password: ["{CANARY}"]}}) {{ __typename }} }}',
        None,
    ),
    "a literal enum value": (f"mutation {{ withdrawConsent(purpose: {CANARY}) {{ __typename }} }}", None),
    "a default": (f'query ($n: Int = "{CANARY}") {{ users(first: $n) {{ edges {{ cursor }} }} }}', None),
    "a text that does not end": (f'mutation {{ login(input: {{password: "{CANARY}}}) {{ __typename }} }}', None),
    "a text with a bad escape": (f'mutation {{ login(input: {{password: "\\q{CANARY}"}}) {{ __typename }} }}', None),
    "a name out of place": (f"{{ viewer {{ role }} }} {CANARY}", None),
    "a name in a number": (f"{{ user(id: 0{CANARY}) {{ id }} }}", None),
    "a type": (f"{{ ... on {CANARY} {{ id }} }}", None),
    "a variable's type": (f"query ($a: {CANARY}) {{ user(id: $a) {{ id }} }}", None),
    "a directive": (f"{{ viewer @{CANARY} {{ role }} }}", None),
    "a fragment": (f"{{ ...{CANARY} }}", None),
    "a fragment twice": (f"{{ ...{CANARY} }} " + f"fragment {CANARY} on Query {{ viewer {{ role }} }} " * 2, None),
    "a fragment in a circle": (f"{{ ...{CANARY} }} fragment {CANARY} on Query {{ ...{CANARY} }}", None),
    "an unused fragment": (f"{{ viewer {{ role }} }} fragment {CANARY} on User {{ id }}", None),
    "an operation twice": (f"query {CANARY} {{ viewer {{ role }} }} query {CANARY} {{ viewer {{ role }} }}", None),
    "aliases that conflict": (f"{{ {CANARY}: user(id: 1) {{ id }} {CANARY}: user(id: 2) {{ id }} }}", None),
    "a subscription": (f"subscription {CANARY} {{ {CANARY} }}", None),
    "a type of their own": (f"type {CANARY} {{ a: Int }} {{ viewer {{ role }} }}", None),
    "an operation's name": (f"query {CANARY} {{ viewr {{ role }} }}", None),
}

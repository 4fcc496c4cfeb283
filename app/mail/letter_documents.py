"""The documents that the pages behind links send, by the ids that the pages ask for. They need no list."""

from typing import Final

LETTER_DOCUMENTS: Final = {
    "consentql/verifyEmail": """mutation ($token: String!) {
  verifyEmail(token: $token) { __typename ... on EmailVerified { email } ... on Refusal { code message } }
}""",
    "consentql/resetPassword": """mutation ($token: String!, $newPassword: String!) {
  resetPassword(token: $token, newPassword: $newPassword) { __typename ... on Refusal { code message } }
}""",
    "consentql/requestPasswordReset": "mutation ($email: String!) { requestPasswordReset(email: $email) }",
    "consentql/login": """mutation ($email: String!, $password: String!) {
  login(input: {email: $email, password: $password, client: "Confirming an address"}) {
    __typename ... on SignedIn { accessToken } ... on Refusal { code message }
  }
}""",
    "consentql/logout": "mutation { logout }",
}

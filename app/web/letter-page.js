// What a letter's link opens: it proves the mailbox by the token behind `#`, when its reader says so.

const NO_ANSWER = "The service did not answer. Please try again in a moment.";
const NO_TOKEN = "This page has no link to go by. Open the one in your letter, whole, or ask for a new letter.";
const VERIFY = {
  field: "verifyEmail",
  document: `mutation ($token: String!) {
    verifyEmail(token: $token) { __typename ... on EmailVerified { email } ... on Refusal { code message } } }`,
  done: "Your address is confirmed. You can close this page and sign in.",
};
const RESET = {
  field: "resetPassword",
  document: `mutation ($token: String!, $newPassword: String!) {
    resetPassword(token: $token, newPassword: $newPassword) { __typename ... on Refusal { code message } } }`,
  done: "Your new password counts, and every session has ended. You can close this page and sign in.",
};

const form = document.getElementById("proof");
const answer = document.getElementById("answer");
const password = document.getElementById("password");
const act = password ? RESET : VERIFY;
let token = taken();

/** The token, taken out of the address so that neither history nor a look at the screen keeps it. */
function taken() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found) history.replaceState(null, "", location.pathname);
  return found;
}

function say(text, state) {
  answer.textContent = text;
  answer.dataset.state = state;
}

/** The result of the mutation, or a text that says why there is none. */
async function sent(variables) {
  const response = await fetch("graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    credentials: "omit",
    body: JSON.stringify({ query: act.document, variables }),
  });
  const { data, errors } = await response.json();
  return data?.[act.field] ?? errors?.[0]?.message ?? NO_ANSWER;
}

async function prove(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say("One moment…", "waiting");
  const variables = password ? { token, newPassword: password.value } : { token };
  const result = await sent(variables).catch(() => NO_ANSWER);
  button.disabled = false;
  if (typeof result === "string" || result.__typename === "Refusal") {
    say(result.message ?? result, "refused");
    (password ?? button).focus();
    return;
  }
  token = null;
  form.remove();
  say(act.done, "done");
  answer.focus();
}

document.getElementById("shown")?.addEventListener("change", (event) => {
  password.type = event.target.checked ? "text" : "password";
});
form.addEventListener("submit", prove);
addEventListener("hashchange", () => location.reload());
if (!token) {
  form.remove();
  say(NO_TOKEN, "refused");
}

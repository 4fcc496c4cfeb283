// What a letter's link opens: it proves the mailbox by the token behind `#`, when its reader says so.

const NO_ANSWER = "The service did not answer. Please try again in a moment.";
const NO_TOKEN = "The link is incomplete. Open the whole link in your e-mail, or ask for a new one.";
const VERIFY = {
  field: "verifyEmail",
  done: "Your address is confirmed. You can close this page and sign in.",
};
const RESET = {
  field: "resetPassword",
  done: "Your new password is set, and every session has ended. You can close this page and sign in.",
};

const LOGIN = { field: "login" };
const LOGOUT = { field: "logout" };

const RENEW = {
  field: "requestPasswordReset",
  done: "If an account has this address, a new link is on its way. Open the newest e-mail.",
};

const form = document.getElementById("proof");
const renewal = document.getElementById("renewal");
const signIn = document.getElementById("sign-in");
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

/** The result of a mutation, or a text that says why there is none. The service has its document. */
async function sent({ field }, variables, session) {
  const headers = { "Content-Type": "application/json" };
  if (session) headers.Authorization = `Bearer ${session}`;
  const body = JSON.stringify({ documentId: `consentql/${field}`, variables });
  const response = await fetch("graphql", { method: "POST", headers, credentials: "omit", body });
  const { data, errors } = await response.json();
  return data?.[field] ?? errors?.[0]?.message ?? NO_ANSWER;
}

/** What the link proves, in a session only for this act if the account requires one. */
async function proven() {
  if (!signIn || signIn.hidden) return sent(act, password ? { token, newPassword: password.value } : { token });
  const begun = await sent(LOGIN, { email: form.email.value, password: form.chosen.value });
  if (!begun.accessToken) return begun;
  const result = await sent(act, { token }, begun.accessToken);
  await sent(LOGOUT, {}, begun.accessToken);
  return result;
}

/** Replaces a form whose link is dead by one that asks for a new link. */
function offerRenewal(text) {
  form.remove();
  renewal.hidden = false;
  say(text, "refused");
}

/** Asks for a new link. The answer is the same whether or not an account has the address. */
async function renew(event) {
  event.preventDefault();
  const button = renewal.querySelector("button");
  button.disabled = true;
  say("One moment…", "waiting");
  const result = await sent(RENEW, { email: renewal.address.value }).catch(() => NO_ANSWER);
  button.disabled = false;
  if (result !== true) {
    say(result, "refused");
    return;
  }
  renewal.remove();
  say(RENEW.done, "done");
  answer.focus();
}

function asksToSignIn(result) {
  return signIn?.hidden && result.code === "NOT_PERMITTED";
}

async function prove(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say("One moment…", "waiting");
  const result = await proven().catch(() => NO_ANSWER);
  button.disabled = false;
  if (asksToSignIn(result)) {
    signIn.hidden = signIn.disabled = false;
    say("Sign in with the password that you chose, so nobody else's account is confirmed.", "waiting");
    form.email.focus();
    return;
  }
  if (result.code === "TOKEN_EXPIRED") {
    offerRenewal(result.message);
    answer.focus();
    return;
  }
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
renewal.addEventListener("submit", renew);
addEventListener("hashchange", () => location.reload());
if (!token) offerRenewal(NO_TOKEN);

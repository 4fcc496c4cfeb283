// GraphiQL for this server. Documents, variables and tokens stay in memory and are lost with the page.

import { EXAMPLES } from "./graphiql-examples.js";

const { createElement, useEffect } = React;
const { useEditorContext } = GraphiQL.React;
const { parse, separateOperations } = GraphiQL.GraphQL;

const PAUSE = 250;
const choice = document.getElementById("example");
const pasted = document.getElementById("token");
const forget = document.getElementById("forget");
const caller = document.getElementById("caller");

let token = "";
let editors = null;

/** Storage for GraphiQL in memory only, because tabs and history contain documents, variables and so passwords. */
function memory() {
  const kept = new Map();
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, String(value)),
    removeItem: (name) => void kept.delete(name),
    clear: () => kept.clear(),
    get length() {
      return kept.size;
    },
  };
}

async function ask(operation, bearer = token) {
  const headers = {
    Accept: "application/graphql-response+json, application/json",
    "Content-Type": "application/json",
    ...(bearer && { Authorization: `Bearer ${bearer}` }),
  };
  const answer = await fetch("/graphql", {
    method: "POST",
    headers,
    body: JSON.stringify(operation),
    credentials: "omit",
  });
  return answer.json();
}

/** The chosen operation with its fragments at their own lines and columns, because a document holds one operation. */
function chosen(query, operationName) {
  let tree;
  try {
    tree = parse(query);
  } catch {
    return query;
  }
  const documents = separateOperations(tree);
  const kept = documents[operationName ?? ""]?.definitions;
  if (!kept || Object.keys(documents).length === 1) return query;
  return tree.definitions
    .filter((definition) => !kept.includes(definition))
    .reduce((text, { loc }) => text.slice(0, loc.start) + blank(text.slice(loc.start, loc.end)) + text.slice(loc.end), query);
}

function blank(text) {
  return text.replace(/[^\r\n]/g, " ");
}

/** Sends the chosen operation of GraphiQL. After a sign-in the new token is used for the next one. */
async function fetcher({ query, ...rest }) {
  const result = await ask({ query: chosen(query, rest.operationName), ...rest });
  const begun = result.data?.login?.accessToken;
  if (begun) {
    pasted.value = begun;
    present();
  }
  return result;
}

function tell(state, words) {
  caller.dataset.state = state;
  caller.value = words;
}

/** Shows the caller of the token. An answer for an older token is ignored. */
async function introduce(bearer) {
  let result;
  try {
    result = await ask({ query: "{ viewer { role expiresAt } }" }, bearer);
  } catch (problem) {
    result = { errors: [problem] };
  }
  if (bearer !== token) return;
  const viewer = result.data?.viewer;
  if (!viewer) return tell("refused", result.errors?.[0]?.message ?? "refused");
  const until = viewer.expiresAt && new Date(viewer.expiresAt).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  tell("known", viewer.role.toLowerCase() + (until ? ` until ${until}` : ""));
}

let pause;

function present() {
  token = pasted.value.trim();
  forget.disabled = !token;
  clearTimeout(pause);
  if (!token) return tell("visitor", "visitor");
  tell("asking", "…");
  pause = setTimeout(introduce, PAUSE, token);
}

function open([, document, variables]) {
  editors.queryEditor.setValue(document);
  // GraphiQL updates the operation name with a delay and would send the old one
  editors.queryEditor.operationName = undefined;
  editors.variableEditor?.setValue(variables ? JSON.stringify(variables, null, 2) : "");
  editors.responseEditor?.setValue("");
  editors.queryEditor.focus();
}

function offer() {
  for (const [who, examples] of Object.entries(EXAMPLES)) {
    const group = document.createElement("optgroup");
    group.label = who;
    group.append(...examples.map(([name], place) => new Option(name, `${who}/${place}`)));
    choice.append(group);
  }
  choice.addEventListener("change", () => {
    const [who, place] = choice.value.split("/");
    if (EXAMPLES[who]) open(EXAMPLES[who][Number(place)]);
    // allows choosing the same example again
    choice.value = "";
  });
}

/** Gets the editors, which GraphiQL gives only to its components. It renders nothing. */
function Editors() {
  const context = useEditorContext({ nonNull: true });
  useEffect(() => {
    editors = context;
    choice.disabled = !context.queryEditor;
  });
  return null;
}

function page() {
  const [, document] = EXAMPLES.Visitor[0];
  return createElement(
    GraphiQL,
    {
      fetcher,
      storage: memory(),
      shouldPersistHeaders: false,
      isHeadersEditorEnabled: false,
      defaultQuery: document,
      defaultEditorToolsVisibility: "variables",
      plugins: [GraphiQLPluginExplorer.explorerPlugin({ showAttribution: false })],
      toolbar: { additionalComponent: Editors },
    },
    createElement(GraphiQL.Logo, null, "GraphiQL"),
  );
}

offer();
pasted.addEventListener("input", present);
forget.addEventListener("click", () => {
  pasted.value = "";
  present();
});
ReactDOM.createRoot(document.getElementById("graphiql")).render(page());

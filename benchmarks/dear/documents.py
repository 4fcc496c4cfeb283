"""Writes documents from the schema, so that they select all that there is, as often as the service accepts it."""

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from graphql import GraphQLError, GraphQLObjectType, OperationDefinitionNode, get_named_type, is_leaf_type
from graphql.execution.values import VariableValues, get_variable_values

from app.graphql.document_cache import DocumentCache
from app.main import make_schema
from models.vocabulary import Role
from permissions.caller import Caller
from permissions.graphql.document_selection import SelectionWalk

MOST_FIELDS: Final = 30
PAGE: Final = "(first: 100) { edges { cursor node { %s } } pageInfo { %%PageInfo } }"
CASE: Final = "id status reference reason extent openedAt expiresAt openedBySubject assignedTo subject { %User }"
REQUEST: Final = "id status authority reference basis extent openedAt expiresAt noticeAfter subject { %User }"
OWN: Final = "... on Session { %Session } ... on ConsentRecord { %ConsentRecord } ... on Disclosure { %Disclosure }"
ACCOUNT: Final = "account { %Account }"

QUERIES: Final = {
    "a page": f"users{PAGE % '%User'}",
    "a page of ids": "users(first: 100) { edges { node { id } } }",
    "a page of texts": "users(first: 100) { edges { cursor node { %texts } } }",
    "a page of titles": "users(first: 100) { edges { node { publicPages { title } } } }",
    "a page of reasons": "users(first: 100) { edges { node { withheld { %WithheldField } } } }",
    "a search for all": f"users{PAGE.replace('100', '100, search: $words') % '%User'}",
    "a search for none": 'users(first: 100, search: "a e i l n #") { edges { node { id } } }',
    "the map": "userMap { %MapPlace }",
    "a person": 'user(id: "#") { %some }',
    "an object": 'node(id: "#") { id ... on User { %some } }',
    "objects": "nodes(ids: $people) { ... on User { %User } }",
    "titles of objects": "nodes(ids: $people) { ... on User { publicPages { title } } }",
    "own objects": f"nodes(ids: $records) {{ id {OWN} }}",
    "own accounts": "nodes(ids: $own) { ... on Account { %Account } }",
    "oneself": "viewer { %Viewer }",
    "an account": "me { %Account }",
    "parts": "me { %parts }",
    "disclosures": f"me {{ disclosures{PAGE % '%Disclosure'} }}",
    "consent history": f"me {{ consentHistory{PAGE % '%ConsentRecord'} }}",
    "own cases": f"supportCases{PAGE % CASE}",
    "the policy": "policy { %Policy }",
}
"""Root fields. `%Type` is every field of a type, `#` another number each time."""

MUTATIONS: Final = {
    "hide": f"setHiddenFromMembers(fields: [EMAIL]) {{ ... on ProfileUpdated {{ user {{ %User }} {ACCOUNT} }} }}",
    "hide only": "setHiddenFromMembers(fields: [EMAIL]) { __typename }",
    "update": f"updateProfile(input: $profile) {{ ... on ProfileUpdated {{ user {{ %User }} {ACCOUNT} }} }}",
    "update only": "updateProfile(input: $profile) { __typename }",
    "grant": f"grantConsent(purpose: EXPANSION, policyVersion: $version) {{ ... on ConsentChanged {{ {ACCOUNT} }} }}",
    "withdraw": f"withdrawConsent(purpose: EXPANSION) {{ ... on ConsentChanged {{ {ACCOUNT} }} }}",
    "restrict": "liftRestriction { __typename }",
    "open a case": "openSupportCase(input: $case) { __typename }",
}
STAFF_QUERIES: Final = {
    Role.SUPPORT: {
        "cases": f"supportCases{PAGE % CASE}",
        "cases alone": "supportCases(first: 100) { edges { node { id } } }",
        "subjects": "nodes(ids: $people) { ... on User { %User } }",
        "a subject": "user(id: $person) { %User }",
    },
    Role.COMPLIANCE: {
        "requests": f"legalRequests{PAGE % REQUEST}",
        "requests alone": "legalRequests(first: 100) { edges { node { id } } }",
        "subjects": "nodes(ids: $people) { ... on User { %User } }",
        "a subject": "user(id: $person) { %User }",
        "staff": f"staff{PAGE % '%StaffMember'}",
    },
}
KINDS: Final = {
    "people": "[ID!]!", "person": "ID!", "records": "[ID!]!", "own": "[ID!]!", "words": "String",
    "profile": "ProfileInput!", "version": "String!", "case": "OpenSupportCaseInput!",
}  # fmt: skip
"""The variables that root fields use."""


@dataclass(frozen=True)
class Searched:
    """The documents of one role and kind of operation that are searched."""

    role: Role
    operation: str
    fields: dict[str, str]

    @property
    def title(self) -> str:
        """The role and the operation."""
        return f"{self.role.value} {self.operation}"


SEARCHES: Final = (
    Searched(Role.MEMBER, "query", QUERIES),
    Searched(Role.MEMBER, "mutation", MUTATIONS),
    *(Searched(role, "query", fields) for role, fields in STAFF_QUERIES.items()),
)


class Writer:
    """Writes documents, and says whether the service executes them."""

    def __init__(self, searched: Searched, variables: dict[str, Any]) -> None:
        self.searched, self.variables = searched, variables
        self.schema, self.documents = make_schema(introspection=False), DocumentCache(introspection=False)
        self.types = self.schema.graphql.type_map
        self.chance = Random(7)
        self.written = 0

    def document(self, names: list[str]) -> str:
        """A document with these root fields, that the service has not seen before."""
        self.written += 1
        selected = " ".join(f"a{self.written}_{n}: {self._field(name, n)}" for n, name in enumerate(names))
        kinds = ", ".join(f"${name}: {kind}" for name, kind in KINDS.items() if f"${name}" in selected)
        return f"{self.searched.operation} {f'({kinds}) ' if kinds else ''}{{ {selected} }}"

    def variables_of(self, document: str) -> dict[str, Any]:
        """The values of the document's variables."""
        return {name: self.variables[name] for name in KINDS if f"${name}:" in document}

    def accepts(self, names: list[str]) -> bool:
        """Whether the service executes the document with these root fields."""
        try:
            text = self.document(names)
            document = self.documents.read(text, self.schema)
            operation = next(node for node in document.tree.definitions if isinstance(node, OperationDefinitionNode))
            definitions = operation.variable_definitions or ()
            values = get_variable_values(self.schema.graphql, definitions, self.variables_of(text))
            if document.errors or not isinstance(values, VariableValues):
                return False
            caller = Caller(self.searched.role, "a", "b", "c", verified=True)
            SelectionWalk(self.schema, document.tree, values, caller).operation(operation)
        except GraphQLError:
            return False
        return True

    def filled(self, names: list[str], others: list[str]) -> list[str]:
        """These root fields and then as many of each of the others as the service accepts."""
        for name in others:
            while len(names) < MOST_FIELDS and self.accepts([*names, name]):
                names = [*names, name]
        return names

    def _field(self, name: str, number: int) -> str:
        words = self.searched.fields[name].replace("#", f"{number:x}").split(" ")
        return " ".join(self._every(word[1:]) if word[0] == "%" else word for word in words)

    def _every(self, name: str, depth: int = 4) -> str:
        if name in ("some", "texts"):
            return " ".join(self.chance.sample(self._texts(), 6) if name == "some" else self._texts())
        if name == "parts":
            page = "(first: 1) { edges { cursor } }"
            return f"{self._every('Account', 0)} consents {{ id }} processors {{ id }} sessions {{ id }} " + " ".join(
                f"{each}{page}" for each in ("disclosures", "consentHistory")
            )
        kind, parts = self.types[name], []
        for key, each in kind.fields.items() if isinstance(kind, GraphQLObjectType) else ():
            inner = get_named_type(each.type)
            if is_leaf_type(inner):
                parts.append(key)
            elif not each.args and depth and (below := self._every(inner.name, depth - 1)):
                parts.append(f"{key} {{ {below} }}")
        return " ".join(parts)

    def _texts(self) -> list[str]:
        return [key for key, each in self.types["User"].fields.items() if is_leaf_type(get_named_type(each.type))]

// Example queries by caller. Each is a name, a document and, if needed, variables.

// the member that `consentql demo` makes with the default seed
const MEMBER = "f5b165224a58b791df6af1d8303e61cd";

const VIEWER = [
  "Who am I?",
  `# The role of the token. With a staff token, \`user\` has only the id of its holder.
query Viewer {
  viewer {
    role
    expiresAt
    user {
      id
    }
  }
}
`,
];

const PICTURES = [
  "A user's public fields",
  `# Visitors see the pictures and pages of a subject who consents. \`withheld\` names all other fields and why.
query Pictures($id: ID!) {
  user(id: $id) {
    id
    avatarUrl
    wallpaperUrl
    publicPages { title url }
    withheld { field reason purpose }
  }
}
`,
  { id: MEMBER },
];

const USER = [
  "A user by id",
  `# A field is null if the subject hides it or did not consent. \`withheld\` names it.
query UserById($id: ID!) {
  user(id: $id) {
    id
    firstName
    lastName
    email
    organization
    city
    country
    about
    withheld { field reason purpose }
  }
}
`,
  { id: MEMBER },
];

const POLICY = [
  "The policy",
  `# The policy: who may read which field, and for which purpose.
query Policy {
  policy {
    version
    purposes {
      purpose
      text
      lawfulBasis
      withdrawable
    }
    fields {
      field
      readers { audience purpose }
    }
    processors {
      processor
      text
      fields
    }
  }
}
`,
];

const SIGN_IN = [
  "Sign in",
  `# The page uses the token of the answer for the next queries. It does not store it.
mutation SignIn($input: LoginInput!) {
  login(input: $input) {
    ... on SignedIn {
      accessToken
      expiresAt
      viewer {
        role
      }
    }
    ... on Refusal { code message }
  }
}
`,
  { input: { email: "member@demo.example.org", password: "correct horse battery staple" } },
];

const ME = [
  "My account",
  `query Me {
  me {
    emailVerified
    hiddenFromMembers
    user {
      id
      email
      firstName
      lastName
      location { country city }
      preRegistration { institutionType mainPrinter }
    }
    sessions { id createdAt current }
  }
}
`,
];

const CONSENTS = [
  "My consents and their history",
  `query Consents {
  me {
    consents {
      purpose
      status
      granted
      withdrawable
      since
      erasesAt
    }
    consentHistory(first: 10) {
      edges {
        node {
          purpose
          granted
          policyVersion
          recordedAt
          receipt
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
`,
];

const USERS = [
  "The directory",
  `# \`search\` looks only at fields that the caller may read.
query Directory($first: Int, $after: String, $search: String) {
  users(first: $first, after: $after, search: $search) {
    edges {
      node {
        id
        firstName
        lastName
        organization
        city
        country
        withheld { field reason }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  { first: 10 },
];

const USER_MAP = [
  "The map of users",
  `query UserMap {
  userMap {
    count
    place { country city latitude longitude }
  }
}
`,
];

const HIDE = [
  "Hide fields from fellow members",
  `# Hides exactly these fields. An empty list hides nothing.
mutation Hide($fields: [PersonalField!]!) {
  setHiddenFromMembers(fields: $fields) {
    ... on ProfileUpdated {
      user {
        id
      }
    }
    ... on Refusal { code message }
  }
}
`,
  { fields: ["EMAIL", "MOBILE_PHONE", "STREET_ADDRESS"] },
];

const WITHDRAW = [
  "Withdraw a consent",
  `# Takes effect with the next read. Query the directory again to see it.
mutation Withdraw($purpose: Purpose!) {
  withdrawConsent(purpose: $purpose) {
    ... on ConsentChanged {
      record {
        recordedAt
        receipt
      }
      consents {
        purpose
        status
        erasesAt
      }
    }
    ... on Refusal { code message }
  }
}
`,
  { purpose: "SOCIAL" },
];

const OPEN_CASE = [
  "Ask for support",
  `# One agent can read the listed fields after OPERATIONS assigns the case. Closing the case ends the access.
mutation OpenCase($input: OpenSupportCaseInput!) {
  openSupportCase(input: $input) {
    ... on SupportCase { id status extent expiresAt }
    ... on Refusal { code message field }
  }
}
`,
  {
    input: {
      subjectId: MEMBER,
      reference: "T-1",
      reason: "My prints do not start.",
      extent: ["EMAIL", "FIRST_NAME"],
    },
  },
];

const DISCLOSURES = [
  "Who read my data",
  `query Disclosures {
  me {
    disclosures(first: 10) {
      edges {
        node { at recipient audience fields reason receipt }
      }
    }
    processors { processor fields objectedAt lastDisclosedAt erasureAskedAt }
  }
}
`,
];

const EXPORT = [
  "Everything held on me",
  `# Returns one JSON document. Its \`import\` is a line that another instance can import.
mutation Export {
  exportMyData
}
`,
];

const CASES = [
  "My cases and their subjects",
  `# Fields outside the case are withheld. This read is recorded in the subject's ledger.
query Cases {
  supportCases(first: 10) {
    edges {
      node {
        id
        reference
        reason
        extent
        expiresAt
        subject {
          id
          email
          firstName
          withheld { field reason }
        }
      }
    }
  }
}
`,
];

const QUEUE = [
  "The case queue",
  `query Queue {
  caseQueue(first: 10) {
    edges {
      node { id reference extent openedAt }
    }
  }
}
`,
];

const STAFF = [
  "Staff and tokens",
  `query Staff {
  staff(first: 20) {
    edges {
      node {
        id
        pseudonym
        roles { role expiresAt }
      }
    }
  }
}
`,
];

const ASSIGN = [
  "Assign a case",
  `# Use ids from the queue and from \`staff\`. You cannot assign a case to yourself or to its subject.
mutation Assign($id: ID!, $agentId: ID!) {
  assignSupportCase(id: $id, agentId: $agentId) {
    ... on SupportCase { id assignedTo }
    ... on Refusal { code message field }
  }
}
`,
  { id: "", agentId: "" },
];

const REQUESTS = [
  "Legal requests",
  `query Requests {
  legalRequests(first: 10) {
    edges {
      node {
        id
        status
        authority
        extent
        subject {
          id
          email
          withheld { field reason }
        }
      }
    }
  }
}
`,
];

const VIEW = [
  "Open my view",
  `# Returns the processor's fields of subjects who consent. Each row is recorded in the subject's ledger.
mutation View($input: ProcessorViewInput!) {
  openProcessorView(input: $input) {
    ... on MailchimpView {
      withheld
      subscribers { userId email }
    }
    ... on IntercomView {
      withheld
      contacts { userId email firstName }
    }
    ... on MandrillView {
      withheld
      recipients { userId email firstName lastName }
    }
    ... on GoogleAnalyticsView {
      withheld
      visitors { userId ipAddress }
    }
    ... on Refusal { code message field }
  }
}
`,
  { input: { userIds: [MEMBER], reason: "our news" } },
];

const WITHDRAWALS = [
  "What I must forget",
  `query Withdrawals {
  processorWithdrawals(first: 10) {
    edges {
      node { id userId fields dueAt }
    }
  }
}
`,
];

export const EXAMPLES = {
  Visitor: [POLICY, VIEWER, PICTURES, SIGN_IN],
  Member: [VIEWER, ME, CONSENTS, USERS, USER_MAP, USER, HIDE, WITHDRAW, OPEN_CASE, DISCLOSURES, EXPORT],
  Support: [VIEWER, CASES],
  Operations: [VIEWER, QUEUE, STAFF, ASSIGN],
  Compliance: [VIEWER, REQUESTS, STAFF],
  Analytics: [VIEWER, POLICY],
  Processor: [VIEWER, VIEW, WITHDRAWALS],
};

// By caller: what each may ask. An example is its name, its document and, where it takes any, its variables.

// the member of `consentql demo` with its usual seed
const MEMBER = "f5b165224a58b791df6af1d8303e61cd";

const VIEWER = [
  "Who am I?",
  `# The role of the token; a staff token names its holder by id alone.
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
  `# Public are a consenting subject's pictures and pages; \`withheld\` names all else and why.
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
  `# What a subject hides or does not consent to is null, and named in \`withheld\`.
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
  `# The policy as data: who may read which field, and under which purpose.
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
  `# The token of the answer is taken for what is asked next; this page alone remembers it.
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
  `# \`search\` reads only what the caller may read.
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
  `# Exactly these fields are hidden; an empty list hides nothing.
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
  `# Counts for the next read: ask the directory again afterwards.
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

export const EXAMPLES = {
  Visitor: [POLICY, VIEWER, PICTURES, SIGN_IN],
  Member: [VIEWER, ME, CONSENTS, USERS, USER_MAP, USER, HIDE, WITHDRAW],
  "Support, analytics, compliance, operations": [VIEWER, POLICY],
  Processor: [VIEWER, POLICY],
};

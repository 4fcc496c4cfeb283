// What the browser apps with Apollo Client and urql ask.
import { parse } from "graphql";

export const VIEWER = parse(`
  query Viewer {
    viewer {
      id
      role
    }
  }
`);

//#region sign-in
export const SIGN_IN = parse(`
  mutation SignIn($input: LoginInput!) {
    login(input: $input) {
      ... on SignedIn {
        viewer {
          id
          role
        }
      }
      ... on TotpRequired {
        challenge
      }
      ... on Refusal {
        code
        message
      }
    }
  }
`);
//#endregion

//#region refresh
export const REFRESH = parse(`
  mutation RefreshSession {
    refreshSession {
      __typename
      ... on Refusal {
        code
      }
    }
  }
`);
//#endregion

export const SIGN_OUT = parse(`
  mutation SignOut {
    logout
  }
`);

export const MEMBERS = parse(`
  query Members($first: Int!, $after: String) {
    users(first: $first, after: $after) {
      edges {
        node {
          id
          firstName
          withheld {
            field
            reason
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const CONSENTS = parse(`
  query Consents {
    me {
      id
      consents {
        id
        purpose
        granted
      }
    }
  }
`);

//#region withdraw
export const WITHDRAW = parse(`
  mutation Withdraw($purpose: Purpose!) {
    withdrawConsent(purpose: $purpose) {
      ... on ConsentChanged {
        account {
          id
          consents {
            id
            purpose
            granted
          }
        }
      }
      ... on Refusal {
        code
        message
      }
    }
  }
`);
//#endregion

export const GRANT = parse(`
  mutation Grant($purpose: Purpose!, $policyVersion: String!) {
    grantConsent(purpose: $purpose, policyVersion: $policyVersion) {
      ... on ConsentChanged {
        consents {
          id
          purpose
          granted
        }
      }
      ... on Refusal {
        code
        message
      }
    }
  }
`);

export const POLICY = parse(`
  query CurrentPolicy {
    policy {
      version
    }
  }
`);

export const PURPOSES = parse(`
  query Purposes {
    policy {
      purposes {
        purpose
      }
    }
  }
`);

// What an app with Relay asks. The compiler reads it; no program does.
import { graphql } from "relay-runtime";

graphql`
  query AppViewerQuery {
    viewer {
      id
      role
    }
  }
`;

graphql`
  mutation AppSignInMutation($input: LoginInput!) {
    login(input: $input) {
      __typename
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
`;

graphql`
  mutation AppRefreshMutation {
    refreshSession {
      __typename
      ... on Refusal {
        code
      }
    }
  }
`;

graphql`
  mutation AppSignOutMutation {
    logout
  }
`;

//#region members
graphql`
  query AppMembersQuery($first: Int!, $after: String) {
    users(first: $first, after: $after) @connection(key: "App_users") {
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
`;
//#endregion

graphql`
  query AppConsentsQuery {
    me {
      id
      consents {
        id
        purpose
        granted
      }
    }
  }
`;

graphql`
  mutation AppWithdrawMutation($purpose: Purpose!) {
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
`;

graphql`
  mutation AppGrantMutation($purpose: Purpose!, $policyVersion: String!) {
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
`;

graphql`
  query AppPolicyQuery {
    policy {
      version
    }
  }
`;

// Which of these may a user do something with? Asks Bailiwick over GraphQL, all at once.
//
//   npm ci && npm run build
//   BAILIWICK_SERVER=http://127.0.0.1:8080 BAILIWICK_API_KEY=bwk_… \
//     node dist/host.js dana read voice/queues/sales voice/queues/billing
//
// Prints a line for each. Exit status: 0 all allowed, 1 any denied, 2 nobody answered; what is not an
// answer is never taken for an allow. Needs nothing at run time but Node.

import { graphql } from './graphql/gql.js';
import type { TypedDocumentString } from './graphql/graphql.js';

/** How long the host can wait, in milliseconds. */
const PATIENCE = 5_000;

// The types of what goes in and of what comes back are made from this text and the schema.
const Decisions = graphql(`
  query Decisions($inputs: [DecisionInput!]!) {
    decisions(inputs: $inputs) {
      allowed
      reason
      obligations { kind view characters }
    }
  }
`);

interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string }[];
}

/** What an operation answers. Throws when it does not. */
async function ask<Data, Variables>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const { BAILIWICK_SERVER: server, BAILIWICK_API_KEY: key } = process.env;
  const response = await fetch(`${server}/graphql`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json',
      Authorization: `Bearer ${key}`,
    },
    body: JSON.stringify({ query: document, variables }),
    signal: AbortSignal.timeout(PATIENCE),
  });
  const { data, errors } = (await response.json()) as Answer<Data>;
  const first = errors?.[0];
  if (first || !data) throw new Error(first?.message ?? `status ${response.status}`);
  return data;
}

async function main([subject, action, ...objects]: string[]): Promise<number> {
  if (!subject || !action || objects.length === 0) {
    console.error('usage: host.js USER ACTION OBJECT…');
    return 2;
  }
  try {
    const inputs = objects.map((object) => ({ subject, action, object }));
    const { decisions } = await ask(Decisions, { inputs });
    for (const [at, { allowed, reason, obligations }] of decisions.entries()) {
      console.log(objects[at], allowed ? 'allowed' : `denied: ${reason}`);
      // An allow may oblige: here, to mask the contacts that are shown.
      for (const { kind, view, characters } of obligations) console.log(` ${kind} ${view} ${characters ?? ''}`);
    }
    return decisions.length === objects.length && decisions.every(({ allowed }) => allowed) ? 0 : 1;
  } catch (error) {
    // Away, too slow, or refused: a host that cannot ask does not allow.
    console.error('no answer, so no:', error instanceof Error ? error.message : error);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));

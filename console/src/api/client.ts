import { cacheExchange } from '@urql/exchange-graphcache'
import { Client, fetchExchange, mapExchange, type CombinedError } from 'urql'
import { embedded } from '../gql/embedded'
import { session } from './session'

/** An error of a request, as the server words it: its code, its message, and the id under which it is in the log. */
export type Problem = { code: string; message: string; requestId: string | null }

export function problemOf(error: CombinedError): Problem {
  const [first] = error.graphQLErrors
  if (!first) return { code: 'NETWORK', message: error.networkError?.message ?? error.message, requestId: null }
  const { code, requestId } = first.extensions as { code?: string; requestId?: string }
  return { code: code ?? 'INTERNAL', message: first.message, requestId: requestId ?? null }
}

/** Builds a client with an empty cache for a session, or for a stranger: nothing of one is ever shown in another. */
export function newClient(token: string | null): Client {
  return new Client({
    url: '/graphql',
    preferGetMethod: false,
    fetchOptions: () => ({
      credentials: 'omit' as const,
      // Signing in again is what a stranger does.
      ...(token && !session.get().expired && { headers: { authorization: `Bearer ${token}` } }),
    }),
    exchanges: [
      mapExchange({
        onError: (error) => {
          if (problemOf(error).code === 'UNAUTHENTICATED') session.expire()
        },
      }),
      cacheExchange({ keys: Object.fromEntries(embedded.map((name) => [name, () => null])) }),
      fetchExchange,
    ],
  })
}

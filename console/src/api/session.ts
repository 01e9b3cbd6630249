// The session of this page. Its token lives in this module's memory alone: no storage that a script could read later
// holds it, and closing the page forgets it.
import { useSyncExternalStore } from 'react'

export type Session = { token: string; tenant: string; user: string; name: string }
export type State = { session: Session | null; expired: boolean }

let state: State = { session: null, expired: false }
const listeners = new Set<() => void>()

function set(next: State) {
  state = next
  for (const listener of listeners) listener()
}

export const session = {
  get: () => state,
  begin: (begun: Session) => set({ session: begun, expired: false }),
  /** Keeps who it was, so that signing in again finds the page and its drafts as they were. */
  expire: () => state.session && set({ session: state.session, expired: true }),
  end: () => set({ session: null, expired: false }),
  subscribe: (listener: () => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
}

export const useSession = () => useSyncExternalStore(session.subscribe, session.get)

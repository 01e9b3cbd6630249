import { useSyncExternalStore } from 'react'
import { session } from '../api/session'
import type { ModuleDraft } from './draft'

// Drafts outlive the screen that they were made on: the back button, an expired session and a failed request leave
// them as they are. They end with the page, and when another person signs in.
let drafts: Readonly<Record<string, ModuleDraft>> = {}
const listeners = new Set<() => void>()
const NOTHING: ModuleDraft = {}

const ownerNow = () => {
  const { session: current } = session.get()
  return current ? `${current.tenant}/${current.user}` : ''
}
let owner = ownerNow()

function tell() {
  for (const listener of listeners) listener()
}

session.subscribe(() => {
  const now = ownerNow()
  if (now !== owner) {
    owner = now
    drafts = {}
    tell()
  }
})

export function keepDraft(key: string, draft: ModuleDraft) {
  const { [key]: _, ...others } = drafts
  drafts = Object.keys(draft).length > 0 ? { ...others, [key]: draft } : others
  tell()
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const useDraft = (key: string) => useSyncExternalStore(subscribe, () => drafts[key] ?? NOTHING)

// Closing the page is the one way in which drafts are lost: the browser asks first.
globalThis.addEventListener('beforeunload', (event) => {
  if (Object.keys(drafts).length > 0) event.preventDefault()
})

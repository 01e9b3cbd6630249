// What an administrator has changed of a module and not saved yet. A draft is kept apart from what the server says, and
// is told from it: what equals the server's is no change.
import type { Association, ProfileSectionInput } from '../gql/documents'

export type Rights = { read: boolean; edit: boolean; delete: boolean }
export type Stored = {
  section: { key: string }
  enabled: boolean
  visible: boolean
  override?: Rights | null
  association: Association
}
export type SectionDraft = {
  enabled?: boolean
  visible?: boolean
  override?: Rights | null
  association?: Association
  /** Keys of resources to add and to remove, each with the name that it is shown by. */
  add: Readonly<Record<string, string>>
  remove: Readonly<Record<string, string>>
}
export type ModuleDraft = Readonly<Record<string, SectionDraft>>

export const none: SectionDraft = { add: {}, remove: {} }

const sameRights = (one: Rights | null | undefined, other: Rights | null | undefined) =>
  one && other ? one.edit === other.edit && one.delete === other.delete : !one && !other

/** Returns the draft without what the server has already, or nothing if no change is left. */
export function settled(draft: SectionDraft, stored: Stored): SectionDraft | null {
  const { enabled, visible, override, association, add, remove } = draft
  const manual = (association ?? stored.association) === 'MANUAL'
  const left: SectionDraft = {
    ...(enabled !== undefined && enabled !== stored.enabled && { enabled }),
    ...(visible !== undefined && visible !== stored.visible && { visible }),
    ...(override !== undefined && !sameRights(override, stored.override) && { override }),
    ...(association !== undefined && association !== stored.association && { association }),
    add: manual ? add : {},
    remove: manual ? remove : {},
  }
  const isEmpty = Object.keys(left).length === 2 && Object.keys(left.add).length === 0 && Object.keys(left.remove).length === 0
  return isEmpty ? null : left
}

/** Puts a change of one section into the draft of its module. */
export function changed(draft: ModuleDraft, stored: Stored, change: Partial<SectionDraft>): ModuleDraft {
  const { [stored.section.key]: before, ...others } = draft
  const after = settled({ ...none, ...before, ...change }, stored)
  return after ? { ...others, [stored.section.key]: after } : others
}

/** Marks a resource to be added, or takes the mark back; the same for removing. */
export function marked(draft: ModuleDraft, stored: Stored, side: 'add' | 'remove', key: string, name: string): ModuleDraft {
  const { [key]: already, ...others } = draft[stored.section.key]?.[side] ?? {}
  return changed(draft, stored, { [side]: already === undefined ? { ...others, [key]: name } : others })
}

/** Returns what the server is told of each changed section. */
export function inputs(draft: ModuleDraft, sections: readonly Stored[]): ProfileSectionInput[] {
  return sections.flatMap((stored) => {
    const change = draft[stored.section.key]
    if (!change) return []
    const override = change.override === undefined ? (stored.override ?? null) : change.override
    return [
      {
        section: stored.section.key,
        enabled: change.enabled ?? stored.enabled,
        visible: change.visible ?? stored.visible,
        association: change.association ?? stored.association,
        override: override && { read: true, edit: override.edit, delete: override.delete },
        ...(Object.keys(change.add).length > 0 && { addResources: Object.keys(change.add) }),
        ...(Object.keys(change.remove).length > 0 && { removeResources: Object.keys(change.remove) }),
      },
    ]
  })
}

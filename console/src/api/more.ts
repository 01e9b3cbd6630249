import { useEffect, useEffectEvent, useState } from 'react'
import { useClient, type CombinedError, type TypedDocumentNode } from 'urql'

type Connection<N> = { totalCount: number; pageInfo: { hasNextPage: boolean; endCursor?: string | null }; nodes: readonly N[] }
type Gathered<N> = { key: string; nodes: readonly N[]; total: number; cursor: string | null; error?: CombinedError | undefined }

/** A list that grows by a page when more of it is asked for. `key` names the list: another key begins anew. */
export function useMore<D, V extends object, N>(key: string, document: TypedDocumentNode<D, V>, at: (after: string | null) => V, pick: (data: D) => Connection<N> | null | undefined) {
  const client = useClient()
  const [kept, setKept] = useState<Gathered<N> | null>(null)
  // What was gathered under another key is of another list.
  const gathered = kept?.key === key ? kept : null

  async function next(before: Gathered<N> | null): Promise<Gathered<N>> {
    const answer = await client.query(document, at(before?.cursor ?? null) as never).toPromise()
    const page = answer.data && pick(answer.data)
    if (!page) return { key, nodes: before?.nodes ?? [], total: before?.total ?? 0, cursor: before?.cursor ?? null, error: answer.error }
    const { hasNextPage, endCursor } = page.pageInfo
    return { key, nodes: [...(before?.nodes ?? []), ...page.nodes], total: page.totalCount, cursor: hasNextPage ? (endCursor ?? null) : null }
  }

  const begin = useEffectEvent(async (isWanted: () => boolean) => {
    const first = await next(null)
    if (isWanted()) setKept(first)
  })
  useEffect(() => {
    let wanted = true
    void begin(() => wanted)
    return () => {
      wanted = false
    }
  }, [key])

  const load = (before: Gathered<N> | null) => void next(before).then(setKept)
  const error = gathered?.error
  const data = gathered && !(error && gathered.nodes.length === 0) ? gathered : undefined
  return { data, error, fetching: !gathered, stale: false, more: gathered?.cursor ? () => load(gathered) : null, retry: () => load(null) }
}

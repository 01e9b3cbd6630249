import { Button, Group, Table, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Empty } from './state'
import { Wide } from './wide'

export type Place = { after?: string | undefined; before?: string | undefined }
type PageInfo = { hasNextPage: boolean; hasPreviousPage: boolean; startCursor?: string | null; endCursor?: string | null }

export const PAGE = 50

/** Returns the variables of a page: from the start, behind a cursor, or before one. */
export const pageAt = (place: Place) => (place.before ? { last: PAGE, before: place.before } : { first: PAGE, after: place.after ?? null })

type Props<N> = {
  label: string
  heads: string[]
  nodes: readonly N[]
  row: (node: N) => { key: string; cells: ReactNode[] }
  total: number
  pageInfo: PageInfo
  go: (place: Place) => void
}

/** A page of a list as a table, with its place in the whole. */
export function List<N>({ label, heads, nodes, row, total, pageInfo, go }: Props<N>) {
  const { t } = useTranslation()
  if (nodes.length === 0) return <Empty />
  return (
    <>
      <Wide label={label} width={640}>
        <Table highlightOnHover verticalSpacing="xs" aria-label={label}>
          <Table.Thead>
            <Table.Tr>{heads.map((head) => <Table.Th key={head} scope="col">{head}</Table.Th>)}</Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {nodes.map((node) => {
              const { key, cells } = row(node)
              return <Table.Tr key={key}>{cells.map((cell, index) => <Table.Td key={heads[index]}>{cell}</Table.Td>)}</Table.Tr>
            })}
          </Table.Tbody>
        </Table>
      </Wide>
      <Group justify="space-between">
        <Text size="sm" c="dimmed" role="status">{t('list.of', { shown: nodes.length, total })}</Text>
        <Group gap="xs">
          <Button variant="default" size="xs" disabled={!pageInfo.hasPreviousPage} onClick={() => go({ before: pageInfo.startCursor ?? undefined })}>{t('list.previous')}</Button>
          <Button variant="default" size="xs" disabled={!pageInfo.hasNextPage} onClick={() => go({ after: pageInfo.endCursor ?? undefined })}>{t('list.next')}</Button>
        </Group>
      </Group>
    </>
  )
}

// What somebody can do, with the rules that make it so.
import { Button, Group, Stack, Table, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Empty } from './state'
import { Wide } from './wide'

export type Via = { origin: { text: string } }
export type Access = { object: string; action: string; via?: readonly Via[] | null }

/** Groups the rows by object, in the order in which the server lists them. */
export function byObject(rows: readonly Access[]): { object: string; actions: string[]; reasons: string[] }[] {
  const found = new Map<string, { object: string; actions: string[]; reasons: Set<string> }>()
  for (const { object, action, via } of rows) {
    const one = found.get(object) ?? { object, actions: [], reasons: new Set<string>() }
    one.actions.push(action)
    for (const { origin } of via ?? []) one.reasons.add(origin.text)
    found.set(object, one)
  }
  return [...found.values()].map(({ reasons, ...one }) => ({ ...one, reasons: [...reasons] }))
}

export function AccessTable({ label, rows, total, more }: { label: string; rows: readonly Access[]; total: number; more: (() => void) | null }) {
  const { t } = useTranslation()
  if (rows.length === 0) return <Empty />
  return (
    <Stack gap="xs">
      <Wide label={label} width={560}>
        <Table verticalSpacing={6} aria-label={label}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t('access.object')}</Table.Th>
              <Table.Th scope="col">{t('access.action')}</Table.Th>
              <Table.Th scope="col">{t('access.why')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {byObject(rows).map(({ object, actions, reasons }) => (
              <Table.Tr key={object}>
                <Table.Td ff="monospace" fz="sm">{object}</Table.Td>
                <Table.Td>{actions.join(', ')}</Table.Td>
                <Table.Td>{reasons.map((reason) => <Text key={reason} size="sm" c="dimmed">{reason}</Text>)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Wide>
      <Group justify="space-between">
        <Text size="sm" c="dimmed" role="status">{t('list.of', { shown: rows.length, total })}</Text>
        {more && <Button variant="default" size="xs" onClick={more}>{t('list.more')}</Button>}
      </Group>
    </Stack>
  )
}

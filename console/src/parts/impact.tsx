import { SimpleGrid, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'

type Change = { user: { key: string }; object: string; action: string }
export type Impact = { affectedUsers: number; gainedCount: number; lostCount: number; truncated: boolean; gained: readonly Change[]; lost: readonly Change[] }

/** Gathers what one user gains or loses on one object into a line, and keeps the order. */
export function lines(changes: readonly Change[]): { user: string; object: string; actions: string[] }[] {
  const found = new Map<string, { user: string; object: string; actions: string[] }>()
  for (const { user, object, action } of changes) {
    const key = `${user.key}\n${object}`
    const line = found.get(key) ?? { user: user.key, object, actions: [] }
    line.actions.push(action)
    found.set(key, line)
  }
  return [...found.values()]
}

const SHOWN = 40

/** Who gains or loses what, in words. */
export function ImpactWords({ impact }: { impact: Impact }) {
  const { t } = useTranslation()
  if (impact.affectedUsers === 0) return <Text role="status">{t('editor.nobody')}</Text>
  const sides = [
    { title: t('editor.gained', { count: impact.gainedCount }), all: lines(impact.gained), sign: '+' },
    { title: t('editor.lost', { count: impact.lostCount }), all: lines(impact.lost), sign: '−' },
  ]
  return (
    <Stack gap="xs">
      <Text role="status">{t('editor.users', { count: impact.affectedUsers })}</Text>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        {sides.map(({ title, all, sign }) => (
          <Stack key={title} gap={4}>
            <Text fw={600} size="sm">{title}</Text>
            {all.slice(0, SHOWN).map(({ user, object, actions }) => (
              <Text key={`${user} ${object}`} size="sm">{sign} <b>{user}</b>: {actions.join(', ')} <span style={{ fontFamily: 'var(--mantine-font-family-monospace)' }}>{object}</span></Text>
            ))}
            {(all.length > SHOWN || impact.truncated) && <Text size="sm" c="dimmed">{t('editor.more')}</Text>}
          </Stack>
        ))}
      </SimpleGrid>
    </Stack>
  )
}

import { Badge, Button, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useQuery } from 'urql'
import { ProfileModuleDocument } from '../gql/documents'
import { marked, type ModuleDraft, type Stored } from './draft'
import { Search } from './search'
import { Empty, Shown } from './state'

const ROWS = 40

type Props = { profile: string; module: string; section: Stored; draft: ModuleDraft; keep: (draft: ModuleDraft) => void }

/** The resources of a section in two lists: what the profile has, and what it could have. Both are searched on the server. */
export function Resources({ profile, module, section, draft, keep }: Props) {
  const { t } = useTranslation()
  const [search, setSearch] = useState('')
  const [answer, retry] = useQuery({ query: ProfileModuleDocument, variables: { profile, module, first: ROWS, search: search || null } })
  const own = draft[section.section.key]
  return (
    <Stack>
      <Search value={search} onSearch={setSearch} />
      <Shown of={answer} retry={() => retry({ requestPolicy: 'network-only' })}>
        {({ profile: found }) => {
          const lists = found?.module?.sections.find((one) => one.section.key === section.section.key)
          if (!lists) return <Empty />
          // What was all of them is a list that begins empty, once it is a list.
          const begins = section.association === 'AUTOMATIC'
          const sides = [
            { side: 'remove' as const, title: t('editor.associated'), list: lists.resources, act: 'editor.remove', mark: 'editor.removing', sign: '−' },
            { side: 'add' as const, title: t('editor.available'), list: begins ? lists.resources : lists.available, act: 'editor.add', mark: 'editor.adding', sign: '+' },
          ].filter(({ side }) => !begins || side === 'add')
          return (
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              {sides.map(({ side, title, list, act, mark, sign }) => (
                <Stack key={side} gap={4} component="section" aria-label={title}>
                  <Group justify="space-between"><Title order={3} size="h5">{title}</Title><Text size="xs" c="dimmed" role="status">{t('list.of', { shown: list.nodes.length, total: list.totalCount })}</Text></Group>
                  {list.nodes.length === 0 && <Empty />}
                  {list.nodes.map(({ key, name, ...more }) => {
                    const isMarked = own?.[side][key] !== undefined
                    const isProtected = 'protected' in more && more.protected
                    return (
                      <Group key={key} justify="space-between" wrap="nowrap">
                        <Text size="sm" td={isMarked && side === 'remove' ? 'line-through' : undefined}>{name}</Text>
                        {isProtected ? (
                          <Badge size="xs" variant="outline" color="gray">{t('editor.protected')}</Badge>
                        ) : (
                          <Group gap={6} wrap="nowrap">
                            {isMarked && <Text size="xs">{t(mark)}</Text>}
                            <Button size="compact-xs" variant={isMarked ? 'filled' : 'default'} aria-pressed={isMarked} aria-label={t(act, { name })} onClick={() => keep(marked(draft, section, side, key, name))}>{sign}</Button>
                          </Group>
                        )}
                      </Group>
                    )
                  })}
                </Stack>
              ))}
            </SimpleGrid>
          )
        }}
      </Shown>
    </Stack>
  )
}

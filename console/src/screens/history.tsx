import { Anchor, Code, Drawer, Group, Stack, Text, Title } from '@mantine/core'
import { getRouteApi } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useQuery } from 'urql'
import { PolicyDiffDocument, PolicyRevisionsDocument } from '../gql/documents'
import { ImpactWords } from '../parts/impact'
import { List, pageAt } from '../parts/list'
import { Page } from '../parts/page'
import { Shown } from '../parts/state'

const route = getRouteApi('/history')

export function History() {
  const { t, i18n } = useTranslation()
  const wanted = route.useSearch()
  const navigate = route.useNavigate()
  const [revisions, retry] = useQuery({ query: PolicyRevisionsDocument, variables: pageAt(wanted) })
  const opened = wanted.revision ? Number(wanted.revision) : null
  return (
    <Page title={t('history.title')}>
      <Shown of={revisions} retry={() => retry({ requestPolicy: 'network-only' })}>
        {({ policyRevisions: page }) => (
          <List
            label={t('history.title')}
            heads={[t('history.revision'), t('history.when'), t('history.who'), t('history.reason'), t('history.rules')]}
            nodes={page.nodes}
            total={page.totalCount}
            pageInfo={page.pageInfo}
            go={(place) => void navigate({ search: place })}
            row={({ revision, at, author, reason, addedCount, removedCount }) => ({
              key: String(revision),
              cells: [
                <Anchor key="revision" component="button" type="button" aria-label={t('history.show', { revision })} onClick={() => void navigate({ search: (search) => ({ ...search, revision: String(revision) }) })}>{revision}</Anchor>,
                new Date(at).toLocaleString(i18n.language),
                author.name,
                reason,
                `+${addedCount} −${removedCount}`,
              ],
            })}
          />
        )}
      </Shown>
      <Drawer opened={opened !== null} onClose={() => void navigate({ search: ({ revision: _, ...rest }) => rest })} position="right" size="lg" title={t('history.diff', { revision: opened })} closeButtonProps={{ 'aria-label': t('state.back') }}>
        {opened !== null && <Difference revision={opened} />}
      </Drawer>
    </Page>
  )
}

function Difference({ revision }: { revision: number }) {
  const { t } = useTranslation()
  const [diff, retry] = useQuery({ query: PolicyDiffDocument, variables: { from: revision - 1, to: revision, access: true, first: 50 } })
  return (
    <Shown of={diff} retry={() => retry({ requestPolicy: 'network-only' })}>
      {({ policyDiff: { access, added, removed } }) => (
        <Stack>
          {access && <Stack gap="xs"><Title order={3} size="h5">{t('history.access')}</Title><ImpactWords impact={access} /></Stack>}
          {([['history.added', added, '+'], ['history.removed', removed, '−']] as const).map(([title, { totalCount, nodes }, sign]) => (
            <Stack key={title} gap={4}>
              <Title order={3} size="h5">{t(title, { count: totalCount })}</Title>
              {nodes.map((rule) => <Group key={rule.values.join()} gap={6} wrap="nowrap"><Text aria-hidden="true">{sign}</Text><Code>{[rule.ptype, ...rule.values].join(', ')}</Code></Group>)}
              {totalCount > nodes.length && <Text size="sm" c="dimmed">{t('list.of', { shown: nodes.length, total: totalCount })}</Text>}
            </Stack>
          ))}
        </Stack>
      )}
    </Shown>
  )
}

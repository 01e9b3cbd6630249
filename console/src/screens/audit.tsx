import { Code, Group } from '@mantine/core'
import { getRouteApi } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useQuery } from 'urql'
import { AuditEventsDocument } from '../gql/documents'
import { List, pageAt } from '../parts/list'
import { Page } from '../parts/page'
import { Search } from '../parts/search'
import { Shown } from '../parts/state'

const route = getRouteApi('/audit')

export function Audit() {
  const { t, i18n } = useTranslation()
  const wanted = route.useSearch()
  const navigate = route.useNavigate()
  const filter = { action: wanted.action ?? null, target: wanted.target ?? null }
  const [events, retry] = useQuery({ query: AuditEventsDocument, variables: { filter, ...pageAt(wanted) } })
  const choose = (choice: { action?: string; target?: string }) => void navigate({ search: ({ after: _, before: __, ...rest }) => ({ ...rest, ...choice }), replace: true })
  return (
    <Page title={t('audit.title')}>
      <Group>
        <Search label={t('audit.action')} value={wanted.action ?? ''} onSearch={(action) => choose({ action })} />
        <Search label={t('audit.target')} value={wanted.target ?? ''} onSearch={(target) => choose({ target })} />
      </Group>
      <Shown of={events} retry={() => retry({ requestPolicy: 'network-only' })}>
        {({ auditEvents: page }) => (
          <List
            label={t('audit.title')}
            heads={[t('history.when'), t('history.who'), t('audit.action'), t('audit.target'), t('history.reason')]}
            nodes={page.nodes}
            total={page.totalCount}
            pageInfo={page.pageInfo}
            go={(place) => void navigate({ search: ({ after: _, before: __, ...rest }) => ({ ...rest, ...place }) })}
            row={(event) => ({
              key: event.id,
              cells: [new Date(event.at).toLocaleString(i18n.language), event.actor.name, <Code key="action">{event.action}</Code>, <Code key="target">{event.target}</Code>, event.reason],
            })}
          />
        )}
      </Shown>
    </Page>
  )
}

import { Group } from '@mantine/core'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useQuery } from 'urql'
import { ProfilesDocument } from '../gql/documents'
import { List, pageAt } from '../parts/list'
import { Page } from '../parts/page'
import { Search } from '../parts/search'
import { Shown } from '../parts/state'

const route = getRouteApi('/profiles')

export function Profiles() {
  const { t } = useTranslation()
  const wanted = route.useSearch()
  const navigate = route.useNavigate()
  const [profiles, retry] = useQuery({ query: ProfilesDocument, variables: { search: wanted.search ?? null, ...pageAt(wanted) } })
  return (
    <Page title={t('profiles.title')}>
      <Group><Search value={wanted.search ?? ''} onSearch={(search) => void navigate({ search: { search }, replace: true })} /></Group>
      <Shown of={profiles} retry={() => retry({ requestPolicy: 'network-only' })}>
        {({ profiles: page }) => (
          <List
            label={t('profiles.title')}
            heads={[t('profiles.name'), t('profiles.description'), t('profiles.permission'), t('profiles.holders')]}
            nodes={page.nodes}
            total={page.totalCount}
            pageInfo={page.pageInfo}
            go={(place) => void navigate({ search: ({ search }) => ({ ...(search && { search }), ...place }) })}
            row={(profile) => ({
              key: profile.id,
              cells: [
                <Link key="name" to="/profiles/$key" params={{ key: profile.key }}>{profile.name}</Link>,
                profile.description,
                t(`permission.${profile.permissionType}`),
                profile.userCount,
              ],
            })}
          />
        )}
      </Shown>
    </Page>
  )
}

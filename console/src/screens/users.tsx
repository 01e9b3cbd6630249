import { Badge, Group, Select, Text } from '@mantine/core'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useQuery } from 'urql'
import { UsersDocument, type BaseRole } from '../gql/documents'
import { List, pageAt } from '../parts/list'
import { Page } from '../parts/page'
import { Search } from '../parts/search'
import { Shown } from '../parts/state'
import type { UsersSearch } from '../router'

const route = getRouteApi('/users')
const ROLES: BaseRole[] = ['ADMIN', 'MANAGER', 'USER', 'AGENT', 'SERVICE']

export function Users() {
  const { t } = useTranslation()
  const wanted = route.useSearch()
  const navigate = route.useNavigate()
  const { search, role, enabled } = wanted
  const filter = { search: search ?? null, baseRole: role ?? null, enabled: enabled ? enabled === 'yes' : null }
  const [users, retry] = useQuery({ query: UsersDocument, variables: { filter, ...pageAt(wanted) } })
  // A new choice begins at its first page.
  const choose = (choice: UsersSearch) => void navigate({ search: ({ after: _, before: __, ...rest }) => ({ ...rest, ...choice }), replace: true })
  return (
    <Page title={t('users.title')}>
      <Group>
        <Search value={search ?? ''} onSearch={(text) => choose({ search: text })} />
        <Select
          aria-label={t('users.role')}
          placeholder={t('role.any')}
          clearable
          value={role ?? null}
          data={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))}
          onChange={(value) => choose({ role: (value ?? '') as BaseRole })}
        />
        <Select
          aria-label={t('users.state')}
          placeholder={t('users.any')}
          clearable
          value={enabled ?? null}
          data={[{ value: 'yes', label: t('users.enabled') }, { value: 'no', label: t('users.disabled') }]}
          onChange={(value) => choose({ enabled: (value ?? '') as 'yes' })}
        />
      </Group>
      <Shown of={users} retry={() => retry({ requestPolicy: 'network-only' })}>
        {({ users: page }) => (
          <List
            label={t('users.title')}
            heads={[t('users.name'), t('users.username'), t('users.role'), t('users.profile'), t('users.groups'), t('users.state')]}
            nodes={page.nodes}
            total={page.totalCount}
            pageInfo={page.pageInfo}
            go={(place) => void navigate({ search: ({ after: _, before: __, ...rest }) => ({ ...rest, ...place }) })}
            row={(user) => ({
              key: user.id,
              cells: [
                <Link key="name" to="/users/$key" params={{ key: user.key }}>{user.fullName}</Link>,
                user.username,
                t(`role.${user.baseRole}`),
                user.profile?.name ?? user.customRole?.name ?? '',
                <Text key="groups" size="sm">{user.groups.nodes.map((group) => group.name).join(', ')}{user.groups.pageInfo.hasNextPage && ' …'}</Text>,
                <Badge key="state" variant="outline" c="inherit" color={user.enabled ? 'green' : 'gray'}>{t(user.enabled ? 'users.enabled' : 'users.disabled')}</Badge>,
              ],
            })}
          />
        )}
      </Shown>
    </Page>
  )
}

import { Badge, Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useQuery } from 'urql'
import { useMore } from '../api/more'
import { UserDocument, WhatCanDocument } from '../gql/documents'
import { AccessTable } from '../parts/access'
import { Page } from '../parts/page'
import { Empty, Shown } from '../parts/state'

const route = getRouteApi('/users/$key')

export function User() {
  const { t, i18n } = useTranslation()
  const { key } = route.useParams()
  const [answer, retry] = useQuery({ query: UserDocument, variables: { key } })
  return (
    <Shown of={answer} retry={() => retry({ requestPolicy: 'network-only' })}>
      {({ user }) => {
        if (!user) return <Page title={t('state.missing')}><Empty><Link to="/users">{t('users.title')}</Link></Empty></Page>
        const facts: [string, string | null | undefined][] = [
          [t('users.username'), user.username],
          [t('users.email'), user.email],
          [t('users.role'), t(`role.${user.baseRole}`)],
          [t('users.profile'), user.profile?.name ?? user.customRole?.name],
          [t('users.groups'), user.groups.nodes.map((group) => group.name).join(', ')],
          [t('users.extension'), user.extension],
          [t('users.since'), new Date(user.createdAt).toLocaleDateString(i18n.language)],
        ]
        return (
          <Page title={user.fullName} aside={<Badge variant="outline" c="inherit" color={user.enabled ? 'green' : 'gray'}>{t(user.enabled ? 'users.enabled' : 'users.disabled')}</Badge>}>
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Paper withBorder p="md">
                <Stack gap="xs" component="dl" m={0}>
                  {facts.filter(([, value]) => value).map(([name, value]) => (
                    <Group key={name} justify="space-between" wrap="nowrap" align="start">
                      <Text component="dt" size="sm" c="dimmed">{name}</Text>
                      <Text component="dd" size="sm" m={0} ta="right">{value}</Text>
                    </Group>
                  ))}
                </Stack>
              </Paper>
              <Paper withBorder p="md">
                <Title order={2} size="h5" mb="xs">{t('users.menu')}</Title>
                {user.menu.length === 0 && <Text size="sm" c="dimmed">{t('users.none')}</Text>}
                <Stack gap={4}>
                  {user.menu.map((module) => (
                    <Text key={module.key} size="sm"><b>{module.key}</b> {module.sections.map((section) => section.key.split('/')[1]).join(', ')}</Text>
                  ))}
                </Stack>
              </Paper>
            </SimpleGrid>
            <Access subject={user.key} />
          </Page>
        )
      }}
    </Shown>
  )
}

function Access({ subject }: { subject: string }) {
  const { t } = useTranslation()
  const access = useMore(subject, WhatCanDocument, (after) => ({ subject, why: true, first: 100, after }), (data) => data.whatCan)
  return (
    <Stack gap="xs">
      <Title order={2} size="h4">{t('users.can')}</Title>
      <Shown of={access} retry={access.retry}>
        {({ nodes, total }) => <AccessTable label={t('users.can')} rows={nodes} total={total} more={access.more} />}
      </Shown>
    </Stack>
  )
}

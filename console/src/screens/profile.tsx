import { Badge, Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useQuery } from 'urql'
import { ProfileDocument } from '../gql/documents'
import { ModuleBadge } from '../parts/module-badge'
import { Page } from '../parts/page'
import { Empty, Shown } from '../parts/state'

const route = getRouteApi('/profiles/$key')

export function Profile() {
  const { t } = useTranslation()
  const { key } = route.useParams()
  const [answer, retry] = useQuery({ query: ProfileDocument, variables: { key } })
  return (
    <Shown of={answer} retry={() => retry({ requestPolicy: 'network-only' })}>
      {({ profile }) => {
        if (!profile) return <Page title={t('state.missing')}><Empty><Link to="/profiles">{t('profiles.title')}</Link></Empty></Page>
        return (
          <Page title={profile.name} aside={<Group gap="xs">{profile.maskSensitiveData && <Badge variant="outline">{t('profile.masks')}</Badge>}<Badge variant="light">{t(`permission.${profile.permissionType}`)}</Badge></Group>}>
            {profile.description && <Text c="dimmed">{profile.description}</Text>}
            <Title order={2} size="h4">{t('profile.modules')}</Title>
            <SimpleGrid cols={{ base: 1, xs: 2, md: 3, lg: 4 }}>
              {profile.modules.map(({ module, state }) => (
                <Link key={module.key} className="tile" to="/profiles/$key/$module" params={{ key, module: module.key }} aria-label={`${t('profile.module.open', { module: module.name })}: ${t(`module.${state}`)}`}>
                  <Paper withBorder p="md" h="100%">
                    <Stack gap="xs" align="start"><Text fw={600}>{module.name}</Text><ModuleBadge state={state} /></Stack>
                  </Paper>
                </Link>
              ))}
            </SimpleGrid>
            <Stack gap="xs">
              <Title order={2} size="h4">{t('profiles.holders')} ({profile.userCount})</Title>
              <Group gap="xs">
                {profile.users.nodes.map((user) => <Link key={user.key} to="/users/$key" params={{ key: user.key }}>{user.fullName}</Link>)}
                {profile.userCount > profile.users.nodes.length && <Text c="dimmed">…</Text>}
              </Group>
            </Stack>
          </Page>
        )
      }}
    </Shown>
  )
}

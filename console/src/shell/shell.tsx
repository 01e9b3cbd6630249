import { ActionIcon, AppShell, Avatar, Burger, Button, Group, Menu, NavLink, Stack, Text, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Link, Outlet, useRouterState } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { useMutation, useQuery } from 'urql'
import { session, useSession } from '../api/session'
import { SignOutDocument, ViewerDocument } from '../gql/documents'
import { languages, speak } from '../i18n'
import { Page } from '../parts/page'
import { Empty } from '../parts/state'

/** The console's own pages, each with the section of the menu that has to be seen for it. */
const NAV = [
  { group: 'nav.people', links: [{ to: '/users', text: 'nav.users', section: 'admin/users' }] },
  { group: 'nav.access', links: [{ to: '/profiles', text: 'nav.profiles', section: 'admin/user-profiles' }] },
  {
    group: 'nav.insight',
    links: [
      { to: '/inspector', text: 'nav.inspector', section: 'admin/decisions' },
      { to: '/history', text: 'nav.history', section: 'admin/rules' },
      { to: '/audit', text: 'nav.audit', section: 'admin/audit' },
    ],
  },
] as const

function Navigation({ close }: { close: () => void }) {
  const { t } = useTranslation()
  const [{ data }] = useQuery({ query: ViewerDocument })
  const path = useRouterState({ select: (state) => state.location.pathname })
  const seen = new Set(data?.viewer?.menu.flatMap((module) => module.sections.map((section) => section.key)))
  const isOpen = (to: string) => path === to || path.startsWith(`${to}/`)
  return (
    <Stack gap="lg">
      <NavLink component={Link} to="/me" label={t('nav.me')} active={isOpen('/me')} onClick={close} {...(isOpen('/me') && { 'aria-current': 'page' as const })} />
      {NAV.map(({ group, links }) => {
        const shown = links.filter((link) => seen.has(link.section))
        if (shown.length === 0) return null
        return (
          <div key={group}>
            <Text size="xs" fw={600} c="dimmed" px="sm" pb={4}>{t(group)}</Text>
            {shown.map(({ to, text }) => (
              <NavLink key={to} component={Link} to={to} label={t(text)} active={isOpen(to)} onClick={close} {...(isOpen(to) && { 'aria-current': 'page' as const })} />
            ))}
          </div>
        )
      })}
    </Stack>
  )
}

function Account() {
  const { t, i18n } = useTranslation()
  const { session: current } = useSession()
  const [, signOut] = useMutation(SignOutDocument)
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button variant="subtle" color="gray" px="xs" leftSection={<Avatar size="sm" name={current?.name ?? ''} color="tide" variant="filled" />}>
          <Text size="sm" visibleFrom="xs">{current?.name}</Text>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{current?.user} · {current?.tenant}</Menu.Label>
        <Menu.Item onClick={() => setColorScheme(scheme === 'dark' ? 'light' : 'dark')}>{t('shell.theme')}</Menu.Item>
        <Menu.Divider />
        <Menu.Label>{t('shell.language')}</Menu.Label>
        {languages.map((language) => (
          <Menu.Item key={language} lang={language} onClick={() => void speak(language)} fw={i18n.language === language ? 600 : 400}>
            {language === 'de' ? 'Deutsch' : 'English'}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => void signOut({}).finally(session.end)}>{t('shell.signout')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

export function Shell() {
  const { t } = useTranslation()
  const [opened, { toggle, close }] = useDisclosure()
  const path = useRouterState({ select: (state) => state.location.pathname })
  const [{ data }] = useQuery({ query: ViewerDocument })
  useEffect(close, [path, close])
  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: !opened } }} padding="lg">
      <a className="skip" href="#content">{t('shell.skip')}</a>
      <AppShell.Header px="md">
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t('shell.menu')} aria-expanded={opened} />
            <ActionIcon component={Link} to="/me" variant="transparent" size="lg" aria-label="Bailiwick"><img src="/icon.svg" width={28} height={28} alt="" /></ActionIcon>
            <Text fw={600} truncate>{data?.viewer?.tenant.name}</Text>
          </Group>
          <Account />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label={t('shell.nav')}><Navigation close={close} /></AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}><Outlet /></AppShell.Main>
    </AppShell>
  )
}

export function NotFound() {
  const { t } = useTranslation()
  return <Page title={t('state.missing')}><Empty><Link to="/me">{t('nav.me')}</Link></Empty></Page>
}

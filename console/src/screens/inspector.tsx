import { Alert, Autocomplete, Button, Group, Paper, Stack, Tabs, Text, TextInput, Title } from '@mantine/core'
import { getRouteApi, Link } from '@tanstack/react-router'
import type { FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useQuery } from 'urql'
import { useMore } from '../api/more'
import { ExplainDocument, WhoCanDocument, type ExplainQuery } from '../gql/documents'
import { Page } from '../parts/page'
import { stepsOf } from '../parts/path'
import { Empty, Shown } from '../parts/state'
import type { Question } from '../router'

const route = getRouteApi('/inspector')
const ACTIONS = ['read', 'edit', 'delete', 'download']

export function Inspector() {
  const { t } = useTranslation()
  const asked = route.useSearch()
  const navigate = route.useNavigate()
  const tab = asked.tab ?? 'can'

  function ask(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '').trim()
    void navigate({ search: { tab, subject: text('subject') || asked.subject || '', action: text('action'), object: text('object') } })
  }

  return (
    <Page title={t('inspector.title')}>
      <Tabs value={tab} onChange={(value) => void navigate({ search: (search) => ({ ...search, tab: value ?? 'can' }) })} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="can">{t('inspector.can')}</Tabs.Tab>
          <Tabs.Tab value="who">{t('inspector.whocan')}</Tabs.Tab>
        </Tabs.List>
      </Tabs>
      <form onSubmit={ask} key={tab}>
        <Group align="end">
          {tab === 'can' && <TextInput name="subject" label={t('inspector.subject')} defaultValue={asked.subject ?? ''} required autoCapitalize="none" />}
          <Autocomplete name="action" label={t('inspector.action')} data={ACTIONS} defaultValue={asked.action ?? 'read'} required />
          <TextInput name="object" label={t('inspector.object')} placeholder="voice/queues/sales" defaultValue={asked.object ?? ''} required w={280} autoCapitalize="none" />
          <Button type="submit">{t('inspector.ask')}</Button>
        </Group>
      </form>
      {tab === 'can' && (asked.subject && asked.action && asked.object ? <Answer subject={asked.subject} action={asked.action} object={asked.object} /> : <Empty>{t('inspector.start')}</Empty>)}
      {tab === 'who' && (asked.action && asked.object ? <Who action={asked.action} object={asked.object} /> : <Empty>{t('inspector.start')}</Empty>)}
    </Page>
  )
}

function Answer(input: Required<Pick<Question, 'subject' | 'action' | 'object'>>) {
  const [answer, retry] = useQuery({ query: ExplainDocument, variables: { input }, requestPolicy: 'cache-and-network' })
  return (
    <Shown of={answer} retry={() => retry({ requestPolicy: 'network-only' })}>
      {({ explain }) => <Explained explain={explain} {...input} />}
    </Shown>
  )
}

function Explained({ explain, ...asked }: { explain: ExplainQuery['explain']; subject: string; action: string; object: string }) {
  const { t } = useTranslation()
  const { decision, matched, nearest, text } = explain
  return (
    <Stack>
      <Alert color={decision.allowed ? 'green' : 'red'} icon={<span aria-hidden="true">{decision.allowed ? '✓' : '✕'}</span>} role="status" title={t(decision.allowed ? 'inspector.yes' : 'inspector.no', asked)}>
        {t(`reason.${decision.reason}`)} {t('inspector.at', { revision: decision.revision })}
      </Alert>
      <Title order={2} size="h4">{t('inspector.path')}</Title>
      {stepsOf(asked.subject, explain).map((steps) => (
        <ol className="path" key={steps.map((step) => step.text).join('>')}>
          {steps.map((step) => (
            <li key={step.text}><span className="step" data-end={step.end}>{step.missing ? t('inspector.missing') : step.text}</span></li>
          ))}
        </ol>
      ))}
      <Paper withBorder p="md">
        <Text size="sm" style={{ whiteSpace: 'pre-line' }}>{text}</Text>
        {matched.map((match) => match.since && (
          <Text key={match.rule.values.join()} size="sm" c="dimmed">{match.origin.text}: {t('inspector.since', { revision: match.since.revision, author: match.since.author.name })}</Text>
        ))}
      </Paper>
      {nearest.length > 0 && (
        <Stack gap="xs">
          <Title order={2} size="h4">{t('inspector.nearest')}</Title>
          {nearest.map((change) => <Text key={change.text} size="sm">{change.text}</Text>)}
        </Stack>
      )}
    </Stack>
  )
}

function Who({ action, object }: { action: string; object: string }) {
  const { t } = useTranslation()
  const who = useMore(`${action} ${object}`, WhoCanDocument, (after) => ({ action, object, why: true, first: 50, after }), (data) => data.whoCan)
  return (
    <Shown of={who} retry={who.retry}>
      {({ nodes, total }) =>
        total === 0 ? (
          <Empty />
        ) : (
          <Stack gap="xs">
            {nodes.map(({ user, via }) => (
              <Group key={user.key} gap="md" wrap="nowrap" align="start">
                <Text w={220} style={{ flexShrink: 0 }}><Link to="/users/$key" params={{ key: user.key }}>{user.fullName}</Link></Text>
                <Stack gap={2}>{[...new Set((via ?? []).map(({ origin }) => origin.text))].map((origin) => <Text key={origin} size="sm" c="dimmed">{origin}</Text>)}</Stack>
              </Group>
            ))}
            <Group justify="space-between">
              <Text size="sm" c="dimmed" role="status">{t('list.of', { shown: nodes.length, total })}</Text>
              {who.more && <Button size="xs" variant="default" onClick={who.more}>{t('list.more')}</Button>}
            </Group>
          </Stack>
        )
      }
    </Shown>
  )
}

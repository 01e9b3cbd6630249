import { Alert, Button, Group, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useMutation, useQuery } from 'urql'
import { problemOf } from '../api/client'
import { useMore } from '../api/more'
import { PasswordChangeDocument, ViewerDocument, ViewerWhatCanDocument } from '../gql/documents'
import { AccessTable } from '../parts/access'
import { Page } from '../parts/page'
import { Empty, Shown, useWords } from '../parts/state'

function Password() {
  const { t } = useTranslation()
  const words = useWords()
  const [, change] = useMutation(PasswordChangeDocument)
  const [done, setDone] = useState(false)
  const [refused, setRefused] = useState<{ field: readonly string[] | null; message: string } | null>(null)

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    const entries = new FormData(form)
    const { data, error } = await change({ input: { old: String(entries.get('current')), new: String(entries.get('new')) } })
    const [fault] = data?.passwordChange?.userErrors ?? []
    const problem = fault ?? (error && problemOf(error))
    setDone(!problem)
    setRefused(problem ? { field: fault?.field ?? null, message: words(problem) } : null)
    if (!problem) form.reset()
  }

  const at = (field: string) => (refused?.field?.at(-1) === field ? refused.message : null)
  const elsewhere = refused && !at('old') && !at('new')
  return (
    <Paper withBorder p="md" maw={480}>
      <form onSubmit={submit}>
        <Stack>
          <Title order={2} size="h4">{t('me.password')}</Title>
          {elsewhere && <Alert color="red" role="alert">{refused.message}</Alert>}
          {done && <Alert color="green" role="status">{t('me.changed')}</Alert>}
          <PasswordInput name="current" label={t('me.current')} required autoComplete="current-password" error={at('old')} />
          <PasswordInput name="new" label={t('me.new')} required autoComplete="new-password" error={at('new')} />
          <Group><Button type="submit" variant="light">{t('me.password')}</Button></Group>
        </Stack>
      </form>
    </Paper>
  )
}

export function Me() {
  const { t } = useTranslation()
  const [viewer] = useQuery({ query: ViewerDocument })
  const access = useMore('me', ViewerWhatCanDocument, (after) => ({ first: 100, after }), (data) => data.viewer?.whatCan)
  const user = viewer.data?.viewer?.user
  return (
    <Page title={t('me.title')}>
      {user && (
        <Text c="dimmed">
          {[user.fullName, user.email, t(`role.${user.baseRole}`), user.profile?.name, user.customRole?.name].filter(Boolean).join(' · ')}
        </Text>
      )}
      <Stack gap="xs">
        <Title order={2} size="h4">{t('me.can')}</Title>
        <Shown of={access} retry={access.retry}>
          {({ nodes, total }) => (total === 0 ? <Empty>{t('me.nothing')}</Empty> : <AccessTable label={t('me.can')} rows={nodes} total={total} more={access.more} />)}
        </Shown>
      </Stack>
      <Password />
    </Page>
  )
}

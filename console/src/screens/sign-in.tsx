import { Alert, Button, Center, Modal, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useMutation } from 'urql'
import { problemOf } from '../api/client'
import { session, useSession } from '../api/session'
import { SignInDocument } from '../gql/documents'
import { useWords } from '../parts/state'

function Form({ known }: { known?: { tenant: string; username: string } }) {
  const { t } = useTranslation()
  const words = useWords()
  const [, signIn] = useMutation(SignInDocument)
  const [busy, setBusy] = useState(false)
  const [refused, setRefused] = useState<string | null>(null)

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const input = {
      tenant: known?.tenant ?? String(form.get('tenant')).trim(),
      username: known?.username ?? String(form.get('username')).trim(),
      password: String(form.get('password')),
    }
    setBusy(true)
    setRefused(null)
    const { data, error } = await signIn({ input })
    setBusy(false)
    const begun = data?.sessionCreate
    if (begun?.token && begun.user) {
      session.begin({ token: begun.token, tenant: input.tenant, user: begun.user.key, name: begun.user.fullName })
      return
    }
    const [fault] = begun?.userErrors ?? []
    setRefused(fault ? words(fault) : error ? words(problemOf(error)) : t('state.error'))
  }

  return (
    <form onSubmit={submit}>
      <Stack>
        {refused && <Alert color="red" role="alert">{refused}</Alert>}
        {!known && <TextInput name="tenant" label={t('signin.tenant')} required autoComplete="organization" autoCapitalize="none" />}
        {!known && <TextInput name="username" label={t('signin.username')} required autoComplete="username" autoCapitalize="none" />}
        <PasswordInput name="password" label={t('signin.password')} required autoComplete="current-password" data-autofocus={Boolean(known)} />
        <Button type="submit" loading={busy}>{t('signin.submit')}</Button>
      </Stack>
    </form>
  )
}

export function SignIn() {
  const { t } = useTranslation()
  return (
    <Center mih="100dvh" p="md" component="main">
      <Paper withBorder shadow="sm" p="xl" w="100%" maw={400}>
        <Stack>
          <Stack gap={2}>
            <Text size="sm" c="dimmed">Bailiwick</Text>
            <Title order={1} size="h3">{t('signin.title')}</Title>
          </Stack>
          <Form />
        </Stack>
      </Paper>
    </Center>
  )
}

/** Asks for the password again, over the page as it was left. */
export function SignInAgain() {
  const { t } = useTranslation()
  const { session: before } = useSession()
  if (!before) return null
  return (
    <Modal opened onClose={session.end} title={t('signin.title')} closeButtonProps={{ 'aria-label': t('shell.signout') }} closeOnClickOutside={false} closeOnEscape={false}>
      <Stack>
        <Text size="sm">{t('signin.again')}</Text>
        <Text size="sm" fw={600}>{before.name} · {before.tenant}</Text>
        <Form known={{ tenant: before.tenant, username: before.user }} />
      </Stack>
    </Modal>
  )
}

// The states that every panel has: loading, failed, empty.
import { Alert, Button, Center, Group, Loader, Stack, Text } from '@mantine/core'
import { useEffect, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { CombinedError } from 'urql'
import { problemOf, type Problem } from '../api/client'

/** Shows a loader once there has been nothing for 200 ms, so that quick answers do not flicker. */
export function Loading() {
  const { t } = useTranslation()
  const [late, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 200)
    return () => clearTimeout(timer)
  }, [])
  return (
    <Center mih={120} aria-busy="true" role="status" aria-label={t('state.loading')}>
      {late && <Loader size="sm" />}
    </Center>
  )
}

export function useWords() {
  const { t, i18n } = useTranslation()
  return (problem: Pick<Problem, 'code' | 'message'>) =>
    i18n.exists(`error.${problem.code}`) ? t(`error.${problem.code}`) : problem.message
}

export function Failed({ error, retry }: { error: CombinedError; retry: () => void }) {
  const { t } = useTranslation()
  const words = useWords()
  const problem = problemOf(error)
  return (
    <Alert color="red" title={t('state.error')} role="alert">
      <Stack gap="xs">
        <Text size="sm">{words(problem)}</Text>
        {problem.requestId && <Text size="xs" c="dimmed">{t('state.request', { id: problem.requestId })}</Text>}
        <Group>
          <Button size="xs" variant="light" color="red" onClick={retry}>{t('state.retry')}</Button>
        </Group>
      </Stack>
    </Alert>
  )
}

type Answer<D> = { data?: D | undefined; error?: CombinedError | undefined; fetching: boolean; stale: boolean }

/** Shows a query's answer, or the state that it is in. What was shown stays while something newer is fetched. */
export function Shown<D>({ of, retry, children }: { of: Answer<D>; retry: () => void; children: (data: D) => ReactNode }) {
  if (of.error && !of.data) return <Failed error={of.error} retry={retry} />
  if (!of.data) return <Loading />
  return <>{children(of.data)}</>
}

export function Empty({ children }: { children?: ReactNode }) {
  const { t } = useTranslation()
  return <Text c="dimmed" ta="center" py="xl">{children ?? t('state.empty')}</Text>
}

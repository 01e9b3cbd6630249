import { Group, Stack, Title } from '@mantine/core'
import { useEffect, useRef, type ReactNode } from 'react'

/** A screen: its heading, which takes the focus when the screen opens, what stands beside it, and its content. */
export function Page({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Bailiwick`
  }, [title])
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  return (
    <Stack gap="md">
      <Group justify="space-between" align="end">
        <Title order={1} size="h2" tabIndex={-1} ref={heading} style={{ outline: 'none' }}>{title}</Title>
        {aside}
      </Group>
      {children}
    </Stack>
  )
}

import { Box } from '@mantine/core'
import type { ReactNode } from 'react'

/** What may be wider than the window: it scrolls by itself, by keyboard too, and the page beside it stays. */
export function Wide({ label, width, children }: { label: string; width: number; children: ReactNode }) {
  return (
    // A region that scrolls has to take the focus, or a keyboard cannot scroll it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <Box role="region" aria-label={label} tabIndex={0} style={{ overflowX: 'auto' }}>
      <Box miw={width}>{children}</Box>
    </Box>
  )
}

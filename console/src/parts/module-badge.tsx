import { Badge } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { ModuleState } from '../gql/documents'

/** Sign and colour of each state: the word stands beside them, so that neither is needed to tell it. */
const LOOKS: Record<ModuleState, { sign: string; color: string }> = {
  UNLICENSED: { sign: '⊘', color: 'red' },
  DISABLED: { sign: '○', color: 'gray' },
  PARTIAL: { sign: '◐', color: 'orange' },
  FULL: { sign: '●', color: 'green' },
}

export function ModuleBadge({ state }: { state: ModuleState }) {
  const { t } = useTranslation()
  const { sign, color } = LOOKS[state]
  return <Badge variant="outline" color={color} c="inherit" leftSection={<span aria-hidden="true">{sign}</span>}>{t(`module.${state}`)}</Badge>
}

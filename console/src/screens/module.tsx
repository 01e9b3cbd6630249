import { Alert, Button, Checkbox, Drawer, Group, Modal, Paper, Select, Stack, Switch, Table, Text, TextInput } from '@mantine/core'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useEffect, useEffectEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMutation, useQuery } from 'urql'
import { problemOf } from '../api/client'
import { ProfileModuleDocument, ProfileSaveModuleDocument, type ProfileModuleQuery } from '../gql/documents'
import { changed, inputs, type ModuleDraft, type Rights, type SectionDraft } from '../parts/draft'
import { keepDraft, useDraft } from '../parts/drafts'
import { ImpactWords, type Impact } from '../parts/impact'
import { ModuleBadge } from '../parts/module-badge'
import { Page } from '../parts/page'
import { Resources } from '../parts/resources'
import { Empty, Shown, useWords } from '../parts/state'
import { Wide } from '../parts/wide'

const route = getRouteApi('/profiles/$key/$module')
type Opened = NonNullable<NonNullable<ProfileModuleQuery['profile']>['module']>
type Section = Opened['sections'][number]

const CHOICES = ['read', 'read edit', 'read delete', 'read edit delete'] as const
const wordOf = (rights: Rights) => ['read', rights.edit && 'edit', rights.delete && 'delete'].filter(Boolean).join(' ')
const rightsOf = (word: string): Rights => ({ read: true, edit: word.includes('edit'), delete: word.includes('delete') })

function Permission({ section, draft, change }: { section: Section; draft: SectionDraft | undefined; change: (change: Partial<SectionDraft>) => void }) {
  const { t } = useTranslation()
  const say = (word: string) => word.split(' ').map((right) => t(`right.${right}`)).join(', ')
  const own = draft?.override === undefined ? section.override : draft.override
  const { rights } = section.section
  // Rights that do not exist in the section cannot be given in it.
  const fits = CHOICES.filter((word) => (rights.edit || !word.includes('edit')) && (rights.delete || !word.includes('delete')))
  return (
    <Select
      size="xs"
      aria-label={`${t('editor.permission')}: ${section.section.name}`}
      value={own ? wordOf(own) : 'inherit'}
      allowDeselect={false}
      data={[
        { value: 'inherit', label: section.override ? t('editor.reset') : t('editor.inherit', { rights: say(wordOf(section.effective)) }) },
        ...fits.map((word) => ({ value: word, label: say(word) })),
      ]}
      onChange={(word) => change({ override: !word || word === 'inherit' ? null : rightsOf(word) })}
    />
  )
}

export function Module() {
  const { t } = useTranslation()
  const { key, module } = route.useParams()
  const [answer, retry] = useQuery({ query: ProfileModuleDocument, variables: { profile: key, module, first: 1 } })
  const reload = () => retry({ requestPolicy: 'network-only' })
  return (
    <Shown of={answer} retry={reload}>
      {({ profile }) =>
        profile?.module ? (
          <Editor key={`${key}/${module}`} profile={key} version={profile.version} opened={profile.module} reload={reload} />
        ) : (
          <Page title={t('state.missing')}><Empty><Link to="/profiles">{t('profiles.title')}</Link></Empty></Page>
        )
      }
    </Shown>
  )
}

function Editor({ profile, version, opened, reload }: { profile: string; version: number; opened: Opened; reload: () => void }) {
  const { t } = useTranslation()
  const name = `${profile}/${opened.module.key}`
  const draft = useDraft(name)
  const [listed, setListed] = useState<string | null>(null)
  const [reviewing, setReviewing] = useState(false)
  const [saved, setSaved] = useState<number | null>(null)
  const keep = (next: ModuleDraft) => {
    setSaved(null)
    keepDraft(name, next)
  }
  const count = Object.keys(draft).length
  const section = opened.sections.find((one) => one.section.key === listed)
  return (
    <Page title={opened.module.name} aside={<Group gap="sm"><ModuleBadge state={opened.state} /><Link to="/profiles/$key" params={{ key: profile }}>{t('editor.back')}</Link></Group>}>
      {!opened.module.licensed && <Alert color="red">{t('editor.unlicensed')}</Alert>}
      <Wide label={opened.module.name} width={720}>
        <Table verticalSpacing="xs" aria-label={opened.module.name}>
          <Table.Thead>
            <Table.Tr>{['section', 'enabled', 'visible', 'permission', 'resources'].map((head) => <Table.Th key={head} scope="col">{t(`editor.${head}`)}</Table.Th>)}</Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {opened.sections.map((one) => {
              const own = draft[one.section.key]
              const change = (part: Partial<SectionDraft>) => keep(changed(draft, one, part))
              const automatic = (own?.association ?? one.association) === 'AUTOMATIC'
              const pending = Object.keys(own?.add ?? {}).length - Object.keys(own?.remove ?? {}).length
              return (
                <Table.Tr key={one.section.key} {...(own && { bg: 'var(--mantine-primary-color-light)' })}>
                  <Table.Th scope="row" fw={own ? 600 : 400}>{own && <span aria-hidden="true">● </span>}{one.section.name}</Table.Th>
                  <Table.Td><Switch disabled={!opened.module.licensed} checked={own?.enabled ?? one.enabled} aria-label={`${t('editor.enabled')}: ${one.section.name}`} onChange={(event) => change({ enabled: event.currentTarget.checked })} /></Table.Td>
                  <Table.Td><Checkbox disabled={!opened.module.licensed} checked={own?.visible ?? one.visible} aria-label={`${t('editor.visible')}: ${one.section.name}`} onChange={(event) => change({ visible: event.currentTarget.checked })} /></Table.Td>
                  <Table.Td>{opened.module.licensed && !one.section.download && <Permission section={one} draft={own} change={change} />}</Table.Td>
                  <Table.Td>
                    {one.section.holdsResources && (
                      <Group gap="sm" wrap="nowrap">
                        <Switch size="xs" label={t('editor.automatic')} disabled={!opened.module.licensed} checked={automatic} aria-label={`${t('editor.automatic')}: ${one.section.name}`} onChange={(event) => change({ association: event.currentTarget.checked ? 'AUTOMATIC' : 'MANUAL' })} />
                        {!automatic && <Button size="compact-xs" variant="light" aria-label={`${t('editor.resources')}: ${one.section.name}`} onClick={() => setListed(one.section.key)}>{(one.association === 'AUTOMATIC' ? 0 : one.resourceCount) + pending}</Button>}
                      </Group>
                    )}
                  </Table.Td>
                </Table.Tr>
              )
            })}
          </Table.Tbody>
        </Table>
      </Wide>
      <Paper withBorder p="sm" shadow="sm" pos="sticky" bottom={8}>
        <Group justify="space-between">
          <Text role="status" size="sm">{saved === null ? t('editor.unsaved', { count }) : t('editor.saved', { revision: saved })}</Text>
          <Group gap="xs">
            <Button variant="default" disabled={count === 0} onClick={() => keep({})}>{t('editor.discard')}</Button>
            <Button disabled={count === 0} onClick={() => setReviewing(true)}>{t('editor.review')}</Button>
          </Group>
        </Group>
      </Paper>
      <Drawer opened={section !== undefined} onClose={() => setListed(null)} position="right" size="xl" title={section?.section.name} closeButtonProps={{ 'aria-label': t('state.back') }}>
        {section && <Resources profile={profile} module={opened.module.key} section={section} draft={draft} keep={keep} />}
      </Drawer>
      <Modal opened={reviewing} onClose={() => setReviewing(false)} size="xl" title={t('editor.review')} closeButtonProps={{ 'aria-label': t('state.back') }}>
        {reviewing && (
          <Review
            input={{ profile, module: opened.module.key, version, sections: inputs(draft, opened.sections) }}
            names={opened.sections.filter((one) => draft[one.section.key]).map((one) => one.section.name)}
            reload={reload}
            done={(revision) => {
              keepDraft(name, {})
              setReviewing(false)
              setSaved(revision)
              reload()
            }}
          />
        )}
      </Modal>
    </Page>
  )
}

type Input = { profile: string; module: string; version: number; sections: ReturnType<typeof inputs> }
type Fault = { code: string; message: string }

/** Says who would gain or lose what, found out by a dry run, before anything is saved. */
function Review({ input, names, reload, done }: { input: Input; names: string[]; reload: () => void; done: (revision: number) => void }) {
  const { t } = useTranslation()
  const words = useWords()
  const [, save] = useMutation(ProfileSaveModuleDocument)
  const [tried, setTried] = useState<{ impact: Impact | null } | null>(null)
  const [fault, setFault] = useState<Fault | null>(null)
  const [busy, setBusy] = useState(false)
  const [reason, setReason] = useState('')

  async function send(dryRun: boolean) {
    setBusy(true)
    const { data, error } = await save({ input: { ...input, reason: reason || null, dryRun } })
    setBusy(false)
    const answer = data?.profileSaveModule
    const [first] = answer?.userErrors ?? []
    setFault(first ?? (error ? problemOf(error) : null))
    if (first || !answer) return
    if (dryRun) setTried({ impact: answer.impact ?? null })
    else if (typeof answer.revision === 'number') done(answer.revision)
  }

  // What another person saved meanwhile is reviewed anew.
  const review = useEffectEvent(() => void send(true))
  useEffect(() => review(), [input.version])
  return (
    <Stack>
      <Text size="sm" c="dimmed">{names.join(', ')}</Text>
      {fault && (
        <Alert color="red" role="alert">
          <Stack gap="xs">
            <Text size="sm">{fault.code === 'CONFLICT' ? t('editor.conflict') : words(fault)}</Text>
            {fault.code === 'CONFLICT' && <Group><Button size="xs" variant="light" onClick={reload}>{t('editor.reload')}</Button></Group>}
          </Stack>
        </Alert>
      )}
      {tried?.impact && <ImpactWords impact={tried.impact} />}
      <TextInput label={t('editor.reason')} value={reason} onChange={(event) => setReason(event.currentTarget.value)} maxLength={500} />
      <Group justify="end"><Button loading={busy} disabled={!tried} onClick={() => void send(false)}>{t('editor.save')}</Button></Group>
    </Stack>
  )
}

import { expect, it } from 'vitest'
import { stepsOf } from './path'

const allow = { rule: { values: ['profile:desk', 'demo', 'voice/queues/*', 'read', 'allow'] }, via: [{ from: 'user:dana', to: 'profile:desk' }], origin: { text: 'User profile Desk' } }
const deny = { rule: { values: ['tenant', 'demo', 'fax/*', 'read', 'deny'] }, via: [], origin: { text: 'Licence' } }

it('draws the way to a rule that allows', () => {
  expect(stepsOf('dana', { decision: { allowed: true }, matched: [allow] })).toEqual([
    [{ text: 'dana' }, { text: 'profile:desk' }, { text: 'User profile Desk', end: 'allow' }],
  ])
})

it('draws of a deny the rules that deny, and not those that would allow', () => {
  expect(stepsOf('dana', { decision: { allowed: false }, matched: [deny, allow] })).toEqual([[{ text: 'dana' }, { text: 'Licence', end: 'deny' }]])
})

it('draws where the way ends without a rule', () => {
  expect(stepsOf('dana', { decision: { allowed: false }, matched: [] })[0]?.at(-1)).toMatchObject({ missing: true })
})

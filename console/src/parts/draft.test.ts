import { describe, expect, it } from 'vitest'
import { changed, inputs, marked, type ModuleDraft, type Stored } from './draft'

const queues: Stored = { section: { key: 'voice/queues' }, enabled: true, visible: true, override: null, association: 'MANUAL' }
const routes: Stored = { section: { key: 'voice/routes' }, enabled: false, visible: true, override: { read: true, edit: true, delete: false }, association: 'AUTOMATIC' }

describe('the draft of a module', () => {
  it('forgets a change that is taken back', () => {
    const once = changed({}, queues, { enabled: false })
    expect(Object.keys(once)).toEqual(['voice/queues'])
    expect(changed(once, queues, { enabled: true })).toEqual({})
  })

  it('tells an override from none, and from another', () => {
    expect(changed({}, routes, { override: { read: true, edit: true, delete: false } })).toEqual({})
    expect(changed({}, routes, { override: null })['voice/routes']?.override).toBeNull()
    expect(changed({}, queues, { override: null })).toEqual({})
  })

  it('marks resources, and takes the mark back', () => {
    const once = marked({}, queues, 'add', 'sales', 'Sales')
    expect(once['voice/queues']?.add).toEqual({ sales: 'Sales' })
    expect(marked(once, queues, 'add', 'sales', 'Sales')).toEqual({})
  })

  it('drops marks where the section takes all resources', () => {
    const once = marked({}, queues, 'remove', 'sales', 'Sales')
    expect(changed(once, queues, { association: 'AUTOMATIC' })['voice/queues']).toEqual({ association: 'AUTOMATIC', add: {}, remove: {} })
  })

  it('tells the server of changed sections alone, each whole', () => {
    let draft: ModuleDraft = marked({}, queues, 'add', 'sales', 'Sales')
    draft = changed(draft, queues, { visible: false })
    expect(inputs(draft, [queues, routes])).toEqual([
      { section: 'voice/queues', enabled: true, visible: false, association: 'MANUAL', override: null, addResources: ['sales'] },
    ])
    draft = changed({}, routes, { enabled: true })
    expect(inputs(draft, [queues, routes])).toEqual([
      { section: 'voice/routes', enabled: true, visible: true, association: 'AUTOMATIC', override: { read: true, edit: true, delete: false } },
    ])
  })
})

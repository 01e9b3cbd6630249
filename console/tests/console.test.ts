import { describe, expect, it } from 'vitest'
import { inBrowser, isAccessible, signIn, turn } from './browser'

const opened = inBrowser()

describe('signing in', () => {
  it('refuses a wrong password, whatever is wrong, and goes on with the right one', async () => {
    const { page } = opened
    await page.goto('/users')
    await isAccessible(page)
    await page.getByLabel('Tenant').fill('demo')
    await page.getByLabel('Username').fill('alice')
    await page.locator('input[name=password]').fill('Wrong-1234')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').waitFor()
    const wrong = await page.getByRole('alert').innerText()
    await page.getByLabel('Tenant').fill('nowhere')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Sign in' }).and(page.locator(':not([data-loading])')).waitFor()
    expect(await page.getByRole('alert').innerText()).toBe(wrong)
    await signIn(page, 'alice')
    await page.getByRole('heading', { name: 'Users' }).waitFor()
    expect(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie)).not.toContain('bws_')
  })

  it('asks again over the page when the session has ended, and keeps what was changed', async () => {
    const { page } = opened
    await signIn(page, 'alice', '/profiles/campaign-managers/voice')
    await turn(page.getByRole('switch', { name: 'Open: Voice Queues' }))
    await page.getByText('1 section changed').waitFor()
    // Ends the session behind the page's back, with the token of its own request.
    const [request] = await Promise.all([page.waitForRequest('**/graphql'), page.getByRole('link', { name: 'Audit log' }).click()])
    await page.request.post('/graphql', { headers: { authorization: request.headers().authorization ?? '' }, data: { query: 'mutation { sessionEnd { ended } }' } })
    opened.expectRefusal()
    await page.getByRole('link', { name: 'History' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Your session has ended').waitFor()
    await dialog.locator('input[name=password]').fill('Demo-1234')
    await dialog.getByRole('button', { name: 'Sign in' }).click()
    await dialog.waitFor({ state: 'hidden' })
    await page.goBack()
    await page.goBack()
    await page.getByText('1 section changed').waitFor()
  })
})

describe('users', () => {
  it('are searched and filtered on the server, by an address that can be kept', async () => {
    const { page } = opened
    await signIn(page, 'alice')
    await page.getByRole('table', { name: 'Users' }).waitFor()
    await isAccessible(page)
    await page.getByLabel('Search').fill('dana')
    await page.getByRole('link', { name: 'Dana Reed' }).waitFor()
    await expect.poll(() => page.getByRole('row').count()).toBe(2)
    expect(page.url()).toContain('search=dana')
    await page.getByRole('link', { name: 'Dana Reed' }).click()
    await page.getByRole('heading', { name: 'Dana Reed' }).waitFor()
    await page.getByRole('table', { name: 'What they can do' }).waitFor()
    await isAccessible(page)
    await page.goBack()
    await expect.poll(() => page.getByLabel('Search').inputValue()).toBe('dana')
  })
})

describe('a profile', () => {
  it('is changed by module, after a review of who gains what, and the inspector and the history know it', async () => {
    const { page } = opened
    await signIn(page, 'alice', '/profiles')
    await page.getByRole('link', { name: 'Sales Read-Only' }).click()
    await page.getByRole('link', { name: /Edit Voice: / }).waitFor()
    await isAccessible(page)
    await page.getByRole('link', { name: /Edit Voice: / }).click()
    await page.getByRole('table', { name: 'Voice' }).waitFor()
    await isAccessible(page)
    await page.getByRole('button', { name: 'Resources: Voice Queues' }).click()
    await page.getByLabel('Search').fill('billing')
    await page.getByRole('button', { name: /^Add Billing/ }).first().click()
    await page.keyboard.press('Escape')
    await page.getByText('1 section changed').waitFor()
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByText('1 user gains or loses access.').waitFor()
    await page.getByText('partner_atlas').waitFor()
    await isAccessible(page)
    await page.getByLabel('Reason').fill('A second queue for the partner')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText(/Saved as revision \d+/).waitFor()

    await page.getByRole('link', { name: 'History' }).click()
    await page.getByText('A second queue for the partner').waitFor()
    await page.getByRole('button', { name: /Show what changed/ }).first().click()
    await page.getByText(/voice\/queues\/billing, read, allow/).waitFor()
    await isAccessible(page)
    await page.keyboard.press('Escape')

    await page.getByRole('link', { name: 'Inspector' }).click()
    await page.getByLabel('Who (key of a user)').fill('partner_atlas')
    await page.locator('input[name=action]').fill('read')
    await page.getByLabel('To what').fill('voice/queues/billing')
    await page.getByRole('button', { name: 'Ask' }).click()
    await page.getByText('Yes: partner_atlas can read voice/queues/billing').waitFor()
    await isAccessible(page)
  })

  it('tells of another administrator who was first, and loses nothing', async () => {
    const { page } = opened
    await signIn(page, 'alice', '/profiles/digital-channels/chat')
    await turn(page.getByRole('switch', { name: /^Open: / }).first())
    await page.getByText('1 section changed').waitFor()
    const [request] = await Promise.all([page.waitForRequest('**/graphql'), page.getByRole('button', { name: 'Review' }).click()])
    const headers = { authorization: request.headers().authorization ?? '' }
    const version = (request.postDataJSON() as { variables: { input: { version: number } } }).variables.input.version
    const other = await page.request.post('/graphql', {
      headers,
      data: { query: 'mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { userErrors { code } } }', variables: { input: { key: 'digital-channels', version, description: 'Changed meanwhile' } } },
    })
    expect(await other.json()).toEqual({ data: { profileUpdate: { userErrors: [] } } })
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('Somebody else has changed this profile').waitFor()
    await page.getByRole('button', { name: 'Load what they saved' }).click()
    await page.getByText(/gains? or loses? access|Nobody gains/).waitFor()
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText(/Saved as revision \d+/).waitFor()
  })
})

describe('those without administrative rights', () => {
  it('get a page of their own, and no more', async () => {
    const { page } = opened
    await signIn(page, 'dana', '/')
    await page.getByRole('heading', { name: 'My access' }).waitFor()
    await page.getByRole('table', { name: 'What I can do' }).waitFor()
    expect(await page.getByRole('navigation').getByRole('link').allInnerTexts()).toEqual(['My access'])
    await isAccessible(page)
  })
})

describe('the console', () => {
  it('speaks German, entirely', async () => {
    const { page } = opened
    await signIn(page, 'alice')
    await page.getByRole('button', { name: /Alice Moreau/ }).click()
    await page.getByRole('menuitem', { name: 'Deutsch' }).click()
    await page.getByRole('heading', { name: 'Benutzer' }).waitFor()
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('de')
    await page.getByRole('link', { name: 'Verlauf' }).click()
    await page.getByRole('table', { name: 'Verlauf' }).waitFor()
  })

  it('says so at an address that is nothing', async () => {
    const { page } = opened
    await signIn(page, 'alice', '/no/such/page')
    await page.getByRole('heading', { name: 'There is nothing at this address' }).waitFor()
  })
})

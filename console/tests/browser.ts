import { AxeBuilder } from '@axe-core/playwright'
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject } from 'vitest'

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export type Console = { page: Page; expectRefusal: () => void }

/** Opens a page for each test, and fails the test on any error that the browser reports. */
export function inBrowser(options: { colorScheme?: 'light' | 'dark'; width?: number } = {}): Console {
  let browser: Browser
  let context: BrowserContext
  let faults: string[] = []
  let refusals = 0
  const opened = { expectRefusal: () => void (refusals += 1) } as Console
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS })
  })
  afterAll(async () => browser.close())
  beforeEach(async () => {
    faults = []
    refusals = 0
    context = await browser.newContext({ baseURL: inject('address'), viewport: { width: options.width ?? 1280, height: 800 }, colorScheme: options.colorScheme ?? 'light', reducedMotion: 'reduce', locale: 'en-GB' })
    opened.page = await context.newPage()
    opened.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`)
    })
    opened.page.on('pageerror', (error) => faults.push(`page: ${error.message}`))
    opened.page.on('requestfailed', (request) => {
      if (request.failure()?.errorText !== 'net::ERR_ABORTED') faults.push(`request: ${request.url()}`)
    })
  })
  afterEach(async () => {
    await context.close()
    expect(faults.slice(0, Math.max(0, faults.length - refusals))).toEqual([])
  })
  return opened
}

export async function signIn(page: Page, username: string, path = '/users') {
  await page.goto(path)
  await page.getByLabel('Tenant').fill('demo')
  await page.getByLabel('Username').fill(username)
  await page.locator('input[name=password]').fill('Demo-1234')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('navigation').waitFor()
}

/** Finds no fault by axe, WCAG 2.2 AA. */
export async function isAccessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze()
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(' ')}`)).toEqual([])
}

/** Turns a switch as a keyboard does. */
export async function turn(switched: Locator) {
  await switched.focus()
  await switched.press('Space')
}

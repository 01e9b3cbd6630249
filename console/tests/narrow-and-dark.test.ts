import { describe, expect, it } from 'vitest'
import { inBrowser, isAccessible, signIn } from './browser'

const opened = inBrowser({ colorScheme: 'dark', width: 320 })

describe('320 pixels, dark', () => {
  it('everything is reached, and nothing is wider than the window', async () => {
    const { page } = opened
    await signIn(page, 'alice', '/me')
    for (const name of ['Users', 'User profiles', 'Inspector', 'History', 'Audit log']) {
      await page.getByRole('button', { name: 'Menu' }).click()
      await page.getByRole('navigation').getByRole('link', { name, exact: true }).click()
      await page.getByRole('heading', { name, level: 1 }).waitFor()
      await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
      await isAccessible(page)
    }
  })
})

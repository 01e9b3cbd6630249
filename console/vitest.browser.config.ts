import { defineConfig } from 'vitest/config'

// The tests in a browser: against a server of their own, one after the other.
export default defineConfig({
  test: { environment: 'node', include: ['tests/**/*.test.ts'], globalSetup: 'tests/server.ts', testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false },
})

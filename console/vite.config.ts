import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// The server puts a fresh nonce in the place of this word with every page it sends.
export default defineConfig({
  plugins: [react()],
  html: { cspNonce: '__NONCE__' },
  build: { target: 'es2023', sourcemap: false, assetsInlineLimit: 0, reportCompressedSize: false },
  server: { proxy: { '/graphql': 'http://127.0.0.1:8080', '/avatars': 'http://127.0.0.1:8080' } },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'] },
})

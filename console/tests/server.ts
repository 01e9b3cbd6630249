// Starts a server of these tests' own on the demo tenant: a database in a temporary folder, any free port.
import { execFileSync, spawn } from 'node:child_process'

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

const PROGRAM = process.env.PROGRAM ?? new URL('../../target/debug/bailiwick', import.meta.url).pathname

export default async function setup(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'bailiwick-console-'))
  const env = { ...process.env, BAILIWICK_DATABASE_URL: `sqlite://${folder}/console.db?mode=rwc`, BAILIWICK_LISTEN: '127.0.0.1:0', BAILIWICK_LOG: 'warn' }
  execFileSync(PROGRAM, ['demo'], { cwd: folder, env, stdio: 'pipe' })
  const server = spawn(PROGRAM, ['serve'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const address = await new Promise<string>((resolve, reject) => {
    let said = ''
    server.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString()
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said)
      if (found) resolve(found[0])
    })
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)))
  })
  project.provide('address', address)
  return () => {
    server.removeAllListeners('exit')
    server.kill('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  }
}

declare module 'vitest' {
  export interface ProvidedContext {
    address: string
  }
}

// Generates src/gql from the schema and the documents that the server's own tests run.
// With --check it writes nothing, and fails if the result would differ.
import { readdir, readFile, mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { codegen } from '@graphql-codegen/core'
import * as operations from '@graphql-codegen/typescript-operations'
import * as documents from '@graphql-codegen/typed-document-node'
import { buildSchema, isObjectType, parse } from 'graphql'
import { console_documents } from './documents.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const schemaText = await readFile(here('../../graphql/schema.graphql'), 'utf8')
const schema = buildSchema(schemaText)
const folder = here('../../graphql/operations')
const present = new Set(await readdir(folder))
const missing = console_documents.filter((name) => !present.has(`${name}.graphql`))
if (missing.length > 0) throw new Error(`graphql/operations has no ${missing.join(', ')}`)
const sources = await Promise.all(
  console_documents.map(async (name) => {
    const location = `${folder}/${name}.graphql`
    return { location, document: parse(await readFile(location, 'utf8')) }
  }),
)
const config = { useTypeImports: true, enumsAsTypes: true, skipTypename: true, scalars: { DateTime: 'string', Upload: 'File' }, onlyOperationTypes: true }
const types = await codegen({
  filename: 'documents.ts',
  schema: parse(schemaText),
  documents: sources,
  config,
  plugins: [{ operations: {} }, { documents: {} }],
  pluginMap: { operations, documents },
})
// Types without an id are parts of what holds them, not things of their own in the cache.
const embedded = Object.values(schema.getTypeMap())
  .filter((type) => isObjectType(type) && !type.name.startsWith('__') && !type.getFields().id)
  .map((type) => type.name)
  .sort()
const files = {
  'documents.ts': `/* oxlint-disable */\n${types}`,
  'embedded.ts': `export const embedded: readonly string[] = ${JSON.stringify(embedded, null, 2)}\n`,
}
await mkdir(here('../src/gql'), { recursive: true })
for (const [name, text] of Object.entries(files)) {
  const path = here(`../src/gql/${name}`)
  const old = await readFile(path, 'utf8').catch(() => '')
  if (old === text) continue
  if (process.argv.includes('--check')) {
    console.error(`src/gql/${name} is not what the schema and the documents give: npm run codegen`)
    process.exit(1)
  }
  await writeFile(path, text)
}

// Compresses what the build made, so that the server sends bytes as they are.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  // The page gets a nonce each time, so it is compressed by nobody.
  if (!entry.isFile() || /\.(br|gz|html|png|woff2)$/.test(entry.name)) continue
  const path = `${entry.parentPath}/${entry.name}`
  const bytes = await readFile(path)
  await writeFile(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }))
  await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }))
}

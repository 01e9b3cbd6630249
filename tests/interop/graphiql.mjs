// The GraphiQL page in a real browser: graphiql.mjs URL PASSWORD [SCREENSHOT]. What the page loads from
// unpkg.com is answered from the packages of npm: the browser itself checks the digests. Prints, as
// JSON, what each tab answered and what went wrong.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { launch } from 'puppeteer-core';

const [url, password, screenshot] = process.argv.slice(2);
const require = createRequire(import.meta.url);
/** How long a busy machine may take for anything, in milliseconds. */
const PATIENCE = 120_000;
const types = { js: 'text/javascript', css: 'text/css' };

/** The file of a package at the version that the address names. */
function packaged(address) {
  const [, name, version, path] = /^https:\/\/unpkg\.com\/([^@/]+)@([^/]+)\/(.+)$/.exec(address) ?? [];
  if (!name) return null;
  const folder = dirname(require.resolve(`${name}/package.json`));
  const installed = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
  return installed === version ? readFileSync(join(folder, path)) : null;
}

const shown = () => document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue() ?? '';

/** What the operation of the tab that is open answers; of a subscription, the first. */
async function answer(page) {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    await page.evaluate(() => document.querySelector('.result-window .CodeMirror')?.CodeMirror.setValue(''));
    await page.click('.graphiql-execute-button');
    await page.waitForFunction(shown);
    const answered = JSON.parse(await page.evaluate(shown));
    // A tab that was just opened is told the name of its operation a moment later.
    if (!answered.errors?.[0]?.message.startsWith('Unknown operation named')) return answered;
  }
  throw new Error('the tab is never told its operation');
}

/** Writes an operation into the tab that is open. */
function write(page, operation) {
  return page.evaluate((operation) => {
    document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue(operation);
  }, operation);
}

const browser = await launch({
  executablePath: process.env.CHROMIUM ?? execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim(),
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  timeout: PATIENCE,
  defaultViewport: { width: 1280, height: 800 },
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  const said = [];
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const address = request.url();
    if (address.startsWith(url) || address.startsWith('data:')) return request.continue();
    const body = packaged(address);
    if (!body) {
      said.push(`asked for ${address}`);
      return request.abort();
    }
    const contentType = types[address.split('.').pop()];
    return request.respond({ contentType, headers: { 'Access-Control-Allow-Origin': '*' }, body });
  });

  await page.goto(`${url}/graphql`);
  await page.waitForSelector('.graphiql-tab');
  const tabs = await page.$$('.graphiql-tab .graphiql-tab-button');
  const answers = [];
  for (const tab of tabs) {
    await tab.click();
    // The variables of the tab are those of its query once both are shown.
    await page.evaluate((password) => {
      for (const { CodeMirror: editor } of document.querySelectorAll('.graphiql-editor-tool .CodeMirror')) {
        const text = editor.getValue();
        if (text.includes('"password"')) editor.setValue(text.replace('"password": ""', `"password": "${password}"`));
      }
    }, password);
    answers.push(await answer(page));
  }
  const wrong = [...said];
  // Who has signed out, or is signed out, can sign in again; the refusal between is an error of the browser too.
  await tabs[1].click();
  await write(page, 'mutation { sessionEnd { userErrors { code } } }');
  const ended = await answer(page);
  await write(page, '{ viewer { home } }');
  const refused = await answer(page);
  await tabs[0].click();
  const again = await answer(page);
  if (screenshot) await page.screenshot({ path: screenshot });
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  console.log(JSON.stringify({ answers, ended, refused, again, wrong, stored }));
} finally {
  await browser.close();
}

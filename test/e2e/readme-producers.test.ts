import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { findPython, PYTHON_CLIENT, pythonWithPackages } from '../support/python.ts';
import { addAccount } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const run = promisify(execFile);

/** An example as printed, but for the place of Redis. */
function example(language: string, marker: string, port: string): string {
  const blocks = [...README.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))];
  const found = blocks.map(([, code = '']) => code).find((code) => code.includes(marker));
  if (found === undefined) throw new Error(`the README has no ${language} example with ${marker}`);
  return found.replaceAll('8775', port);
}

/** redis-cli comes with the server that was fetched, where none is installed. */
function withRedisTools(): NodeJS.ProcessEnv {
  const cache = join(ROOT, '.contour/cache');
  const fetched = existsSync(cache) ? readdirSync(cache).filter((n) => n.startsWith('redis-')) : [];
  const places = fetched.map((name) => join(cache, name, 'usr/bin'));
  const libraries = fetched.map((name) => join(cache, name, 'usr/lib/x86_64-linux-gnu'));
  return {
    PATH: [process.env.PATH, ...places].join(':'),
    LD_LIBRARY_PATH: libraries.join(':'),
  };
}

let contour: Contour;
let port: string;
beforeAll(async () => {
  contour = await startContour();
  const { id } = await contour.addTenant();
  await addAccount(contour.database.pool, id, 'telegram', 'demo-telegram');
  port = new URL(contour.redis.url).port;
});
afterAll(() => contour?.close());

async function arrives(text: string): Promise<void> {
  const isThere = async () => {
    const { rows } = await contour.database.pool.query(
      "select 1 from messages where payload->>'text' = $1 and status = 'delivered'",
      [text],
    );
    return rows.length === 1;
  };
  await waitFor(text, isThere);
}

test('the example for Node does what it says', async () => {
  const code = example('js', '@contour/producer', port);
  await run(process.execPath, ['--input-type=module', '--eval', code], { cwd: ROOT });
  await arrives('Hello from Node');
});

test('the example for redis-cli does what it says', async () => {
  await run('sh', ['-c', example('sh', 'XADD', port)], { env: withRedisTools() });
  await arrives('Hello');
});

test('the example for Python does what it says', async ({ skip }) => {
  const python = findPython();
  if (python.reason !== undefined) {
    if (process.env.CI === 'true') throw new Error(python.reason);
    return skip(python.reason);
  }
  const interpreter = await pythonWithPackages(python.version);
  const env = { PATH: process.env.PATH, PYTHONPATH: PYTHON_CLIENT, PYTHONDONTWRITEBYTECODE: '1' };
  await run(interpreter, ['-c', example('python', 'contour_producer', port)], { env });
  await arrives('Hello from Python');
}, 240_000);

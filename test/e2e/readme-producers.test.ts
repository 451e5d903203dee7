import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findRedisCli } from '@contour/local';
import { fingerprintOf, shardOf } from '@contour/producer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { findPython, PYTHON_CLIENT, pythonWithPackages } from '../support/python.ts';
import { addAccount } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const run = promisify(execFile);

/** An example of the README, with the address of this Redis. */
function example(language: string, marker: string, port: string): string {
  const blocks = [...README.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))];
  const found = blocks.map(([, code = '']) => code).find((code) => code.includes(marker));
  if (found === undefined) throw new Error(`the README has no ${language} example with ${marker}`);
  return found.replaceAll('8775', port);
}

async function withRedisCli(): Promise<NodeJS.ProcessEnv> {
  const { command, libraryPath } = await findRedisCli(join(ROOT, '.contour/cache'));
  const PATH = `${process.env.PATH}:${dirname(command)}`;
  return { PATH, ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}) };
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
  await run('sh', ['-c', example('sh', 'XADD', port)], { env: await withRedisCli() });
  await arrives('Hello');
});

test('the commands for fingerprint and shard print what the producers compute', async ({
  skip,
}) => {
  const python = findPython();
  if (python.reason !== undefined) {
    if (process.env.CI === 'true') throw new Error(python.reason);
    return skip(python.reason);
  }
  const { stdout } = await run('sh', ['-c', example('sh', 'sha256sum', port)]);
  const [fingerprint, shard] = stdout.trim().split('\n');
  expect(fingerprint).toBe(`${fingerprintOf('demo-telegram')}  -`);
  expect(shard).toBe(String(shardOf('telegram', '123456789', 4)));
  const sent = example('sh', 'XADD', port);
  expect(sent).toContain(fingerprintOf('demo-telegram'));
  expect(sent).toContain(`contour:resolve:${shard} `);
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

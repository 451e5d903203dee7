// `npm run faults`: every fault of the matrix under load, all slow tests, and a table of the results.
import './require-node.mjs';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { readOptions, wholeNumber } from './read-options.mjs';
import { runGuarded } from './run-guarded.mjs';
import { watchAncestors } from './watch-ancestors.mjs';
import { writeFaultsPage } from './write-faults-page.mjs';

const USAGE = `Usage: npm run faults -- [options]

  --only <text>   only rows whose area or name contains the text
  --repeat <n>    how many times the whole matrix runs, each time with another seed (1)
  --seed <n>      seed of every random choice; it is printed, so that a run can be repeated
  --minutes <n>   how long five tenants are in trouble at once beside healthy ones (1)
  --write         write the table of the last run into docs/faults.md, if all runs were green

Example: npm run faults -- --only Redis --repeat 3 --seed 7`;

const options = readOptions(
  USAGE,
  {
    only: { type: 'string' },
    repeat: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
  ({ only, write, repeat, seed, minutes }) => {
    if (write && only !== undefined)
      throw new Error('--write requires the whole matrix: leave out --only');
    const numbers = {
      repeat: wholeNumber('repeat', repeat, 1),
      seed: wholeNumber('seed', seed, 0),
      minutes: wholeNumber('minutes', minutes, 1),
    };
    return { only, write, ...numbers };
  },
);
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
watchAncestors();
await prepare();

const results = [];
for (let turn = 0; turn < options.repeat; turn += 1) {
  const seed = options.seed + turn;
  console.log(`\nSeed ${seed}\n`);
  results.push({ seed, ...(await runMatrix(seed)) });
}
if (options.write && results.every(({ code }) => code === 0)) writeFaultsPage(results);
for (const { seed, code, rows, seconds } of results) {
  const failed = rows.filter(({ passed }) => !passed).length;
  const end = code === 0 ? 'all green' : failed > 0 ? `${failed} failed` : 'other tests failed';
  console.log(`seed ${seed}: ${rows.length} rows in ${seconds} s, ${end}`);
}
process.exitCode = results.every(({ code }) => code === 0) ? 0 : 1;

async function runMatrix(seed) {
  const folder = mkdtempSync(join(tmpdir(), 'contour-faults-'));
  const record = join(folder, 'rows.json');
  const startedAt = Date.now();
  try {
    const { code } = await runGuarded(
      process.execPath,
      [
        ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/faults/vitest.config.ts'],
        ...(options.only === undefined ? [] : ['--testNamePattern', escaped(options.only)]),
      ],
      // With CI=true a missing program, above all a JDK, is a failure and skips no row.
      {
        env: {
          ...process.env,
          CI: 'true',
          CONTOUR_FAULTS_SEED: `${seed}`,
          CONTOUR_FAULTS_MINUTES: `${options.minutes}`,
          CONTOUR_FAULTS_RECORD: record,
        },
      },
    );
    const rows = readRows(record);
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    if (rows.length === 0) console.error('No row has run.');
    return { code: rows.length === 0 ? 1 : code, rows, seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readRows(record) {
  try {
    return JSON.parse(readFileSync(record, 'utf8'));
  } catch {
    return []; // vitest failed, or found no test to run
  }
}

/** A pattern for a part of the name as the table shows it, in any case. */
function escaped(text) {
  return text
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll(': ', ' ')
    .replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
}

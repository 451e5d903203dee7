// `npm run day`: a simulated day with faults in every part, and a check every hour.
import './require-node.mjs';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { readOptions, wholeNumber } from './read-options.mjs';
import { runGuarded } from './run-guarded.mjs';
import { watchAncestors } from './watch-ancestors.mjs';

const USAGE = `Usage: npm run day -- [options]

  --minutes <n>  how long messages are sent and faults are injected; the checks take additional time (10)
  --seed <n>     seed of every random choice; it is printed, so that a day can be repeated
  --rate <n>     messages a second, without bursts (40)

Example: npm run day -- --minutes 1440 --seed 7`;

const options = readOptions(
  USAGE,
  {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rate: { type: 'string', default: '40' },
  },
  ({ minutes, seed, rate }) => ({
    minutes: wholeNumber('minutes', minutes, 1),
    seed: wholeNumber('seed', seed, 0),
    rate: wholeNumber('rate', rate, 1),
  }),
);
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
watchAncestors();
await prepare();

console.log(`Seed ${options.seed}`);
const { code } = await runGuarded(
  process.execPath,
  [
    ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/day/vitest.config.ts'],
    '--disable-console-intercept=true',
  ],
  { env: { ...process.env, CONTOUR_DAY: JSON.stringify(options) } },
);
console.log(code === 0 ? 'The day was clean.' : 'The day was not clean: see above.');
process.exitCode = code;

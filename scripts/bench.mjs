// `npm run bench`: what the built processes can do, beside what this machine can do at most.
import './require-node.mjs';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { readOptions } from './read-options.mjs';
import { runGuarded } from './run-guarded.mjs';
import { watchAncestors } from './watch-ancestors.mjs';

const USAGE = `Usage: npm run bench -- [options] [adopt | graph | transcript]

  --only <text>  only studies whose name, or one of whose figures, contains it
  --quick        a fraction of the messages and runs: for a look, and kept nowhere
  --json         what was found as JSON, at the end
  --write        put the tables and plots into docs/performance.md

Without a name: throughput, cost and latency against ceilings and peers, into bench/results/latest.json.
With one: how long a large database takes to be adopted, what an absent Neo4j costs, or docs/transcript.md anew.

Example: npm run bench -- --only streams_vs_http`;

const options = readOptions(
  USAGE,
  {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
  ({ only = null, quick, json, write }, names) => {
    if (write && quick) throw new Error('--write wants figures that count, without --quick');
    return { only, quick, json, write, names };
  },
);
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
watchAncestors();
await prepare();

const files = options.names.length === 0 ? ['figures'] : options.names;
const { code } = await runGuarded(
  process.execPath,
  [
    ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/bench/vitest.config.ts'],
    // The figures are what the tests print: as they come, and without the test's name before each.
    ...['--disable-console-intercept=true', ...files],
  ],
  { env: { ...process.env, CONTOUR_BENCH_OPTIONS: JSON.stringify(options) } },
);
process.exitCode = code;

// `npm run bench`: the performance of the built processes, compared with the limits of this machine.
import './require-node.mjs';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { readOptions } from './read-options.mjs';
import { runGuarded } from './run-guarded.mjs';
import { watchAncestors } from './watch-ancestors.mjs';

const USAGE = `Usage: npm run bench -- [options] [adopt | graph | transcript]

  --only <text>  only studies whose name, or the name of a figure, contains the text
  --quick        a fraction of the messages and runs; the results are not kept
  --json         print the results as JSON at the end
  --write        write the tables and plots into docs/performance.md

Without a name: throughput, cost and latency, compared with limits and other programs, into
bench/results/latest.json. adopt: how long the adoption of a large database takes. graph: the cost of an absent
Neo4j. transcript: rewrites docs/transcript.md.

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
    if (write && quick) throw new Error('--write requires precise figures: leave out --quick');
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
    // The tests print the figures: shown at once, and without the name of the test.
    ...['--disable-console-intercept=true', ...files],
  ],
  { env: { ...process.env, CONTOUR_BENCH_OPTIONS: JSON.stringify(options) } },
);
process.exitCode = code;

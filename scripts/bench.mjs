// `npm run bench -- smoke`: measures the built processes against services of its own.
import './require-node.mjs';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { runGuarded } from './run-guarded.mjs';
import { watchAncestors } from './watch-ancestors.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
watchAncestors();
await prepare();

const { code } = await runGuarded(process.execPath, [
  ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/bench/vitest.config.ts'],
  // The figures are what the tests print: as they come, and without the test's name before each.
  ...['--disable-console-intercept=true', ...process.argv.slice(2)],
]);
process.exitCode = code;

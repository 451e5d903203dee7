// `npm start`: from a fresh clone to a running Contour.
import './require-node.mjs';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { watchAncestors } from './watch-ancestors.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
watchAncestors();
await prepare().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

// In this process, which saves one between npm and the command.
process.argv = [process.argv[0], 'apps/cli/dist/main.js', 'start', ...process.argv.slice(2)];
await import('../apps/cli/dist/main.js');

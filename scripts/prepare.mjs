import { readFileSync } from 'node:fs';
import { during } from './during.mjs';
import { runGuarded } from './run-guarded.mjs';

const FAILURE_LINES = 40;
const INSTALL_OPTIONS = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];

/** Brings node_modules and dist up to date and shows its progress. Throws when that fails. */
export async function prepare() {
  if (!isInstalled()) await during('Installing the dependencies', installDependencies);
  await during('Building', build);
}

// npm writes its copy of the lock file last, so an interrupted install does not count.
function isInstalled() {
  const wanted = packagesOf('package-lock.json');
  const present = packagesOf('node_modules/.package-lock.json');
  return Object.entries(wanted).every(([path, { version, optional, link }]) => {
    if (!path.includes('node_modules/')) return true;
    const found = present[path];
    return found ? link || found.version === version : optional;
  });
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch {
    return {};
  }
}

async function installDependencies() {
  let { code, output } = await runNpm('ci');
  // `ci` refuses a lock file that lacks packages of other platforms, as a registry mirror or an edited
  // package.json can cause. `install` accepts it.
  const refused = code !== 0 && output.includes('EUSAGE');
  if (refused) ({ code, output } = await runNpm('install', '--no-save'));
  if (code !== 0) fail('The dependencies could not be installed', output);
}

function runNpm(...args) {
  const { npm_execpath: npm } = process.env; // the npm that runs this script, if one does
  const [command, ...first] = /npm-cli\.c?js$/.test(npm ?? '') ? [process.execPath, npm] : ['npm'];
  // An interrupted install is repeated, and npm reacts slowly to SIGTERM.
  const options = { quiet: true, endSignal: 'SIGKILL' };
  return runGuarded(command, [...first, ...args, ...INSTALL_OPTIONS], options);
}

async function build() {
  const { code, output } = await runGuarded(
    process.execPath,
    ['node_modules/turbo/bin/turbo', 'run', 'build', '--output-logs=errors-only'],
    { quiet: true, env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' } },
  );
  if (code !== 0) fail('The build failed', output);
}

function fail(what, output) {
  const shown = output.trim().split('\n').slice(0, FAILURE_LINES).join('\n');
  throw new Error(`\n${shown}\n\n${what}.`);
}

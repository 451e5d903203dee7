import { readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 300;
const MAX_DEPTH = 6;
const RUNNER = /(^|[/\\])(npm|pnpm|yarn|bun)(-cli)?(\.c?js)?(\s|$)/;

/**
 * Sends this process SIGTERM when npm, or a shell between npm and it, has died: a kill -9 is not passed on.
 * It watches the parent of each process: a dead process loses its children at once, also as a zombie.
 */
export function watchAncestors() {
  const links = linksUpToRunner();
  const timer = setInterval(() => {
    if (links.every(({ child, parent }) => parentOf(child) === parent)) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_EVERY_MS);
  timer.unref();
}

// Without npm the parent is the user's shell. It may end, as after `nohup … &`, and this process goes on.
function linksUpToRunner() {
  const { npm_lifecycle_event: startedByNpm } = process.env;
  if (startedByNpm === undefined) return [];
  const links = [];
  for (let child = process.pid; links.length < MAX_DEPTH; child = links.at(-1).parent) {
    const parent = parentOf(child);
    if (!(parent > 1)) break;
    links.push({ child, parent });
    if (RUNNER.test(commandOf(parent))) return links;
  }
  return links.slice(0, 1); // no npm found: only the direct parent
}

// Without /proc only the direct parent is watched.
function parentOf(pid) {
  if (pid === process.pid) return process.ppid;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const GUARDIAN = fileURLToPath(new URL('../packages/local/guardian.mjs', import.meta.url));
const DEADLINE_MS = 3_000;

/**
 * Runs a program to its end, and ends it when this process dies. Its output is shown at once, or kept when
 * `quiet`. Resolves with the exit code and the kept output.
 */
export function runGuarded(
  command,
  args,
  { env = process.env, quiet = false, endSignal = 'SIGTERM' } = {},
) {
  const sink = quiet ? 'pipe' : 'inherit';
  const guardian = spawn(process.execPath, [GUARDIAN], {
    detached: true,
    stdio: ['ignore', sink, sink, 'ipc'],
  });
  const kept = [];
  for (const stream of [guardian.stdout, guardian.stderr]) {
    stream?.on('data', (chunk) => kept.push(chunk));
  }
  guardian.send({ start: { command, args, env, endSignal, deadlineMs: DEADLINE_MS } });
  return new Promise((resolve, reject) => {
    let code = 1;
    guardian.on('message', (message) => {
      if (message.failed) reject(new Error(`${command}: ${message.failed}`));
      if ('code' in message) code = message.code ?? 1;
    });
    guardian.on('error', reject);
    guardian.on('close', () => resolve({ code, output: Buffer.concat(kept).toString() }));
  });
}

import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 20;

/** Resolves when all processes have ended; rejects at the deadline. */
export async function waitUntilGone(pids: readonly number[], deadlineMs = 10_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (pids.some(isAlive)) {
    if (Date.now() > deadline) throw new Error(`still alive: ${pids.filter(isAlive)}`);
    await pause(POLL_MS);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

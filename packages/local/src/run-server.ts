import { open } from 'node:fs/promises';
import { logTail } from './log-tail.ts';
import { type ChildOptions, type SupervisedChild, superviseChild } from './supervise-child.ts';

const POLL_MS = 30;
const READY_TIMEOUT_MS = 60_000; // crash recovery of a large database takes its time

export type ServerOrder = Omit<ChildOptions, 'output'> & {
  name: string;
  command: string;
  args: readonly string[];
  logFile: string;
  ready: () => Promise<boolean>;
};

/** Starts a server, its output going to a log file, and resolves when it answers. */
export async function runServer(order: ServerOrder): Promise<SupervisedChild> {
  const { name, command, args, logFile, ready, ...options } = order;
  const log = await open(logFile, 'a', 0o600);
  const since = (await log.stat()).size;
  const starting = superviseChild(command, args, { ...options, output: log.fd });
  // oxlint-disable-next-line typescript/no-misused-promises -- finally waits for the promise
  const child = await starting.finally(() => log.close());
  let ended = false;
  // It rejects only where superviseChild has rejected.
  void child.exited.then(() => {
    ended = true;
  });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!ended && Date.now() < deadline) {
    if (await ready()) return child;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await child.stop();
  throw new Error(`${name} did not start. Its last words:\n${await logTail(logFile, since)}`);
}

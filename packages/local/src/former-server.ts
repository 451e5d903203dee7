import { readFile, readlink, realpath, rm } from 'node:fs/promises';

const WAIT_MS = 12_000; // longer than any guardian gives its child to end
const POLL_MS = 50;

/**
 * Waits until the server that last used a data directory is gone: after a kill -9 its guardian may
 * still be ending it. A pid file that names somebody else's process is removed.
 */
export async function waitForFormerServer(dataDir: string, pidFile: string): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
    if (!(pid > 0) || !isAlive(pid)) return;
    if (!(await worksIn(pid, dataDir))) return rm(pidFile, { force: true });
    if (Date.now() > deadline) {
      throw new Error(`another server (process ${pid}) is running on ${dataDir}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

// All servers make their data directory their working directory. After a restart of a container
// or a machine the number in the file is likely to be some other process's.
async function worksIn(pid: number, dataDir: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
  return cwd === (await realpath(dataDir));
}

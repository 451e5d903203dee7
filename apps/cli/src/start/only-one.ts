import { readFile, rm, writeFile } from 'node:fs/promises';

/** Locks a state directory for this process; returns the function that unlocks it. */
export async function onlyOne(lockFile: string): Promise<() => Promise<void>> {
  const own = await identityOf(process.pid);
  for (;;) {
    try {
      await writeFile(lockFile, own, { flag: 'wx' });
      return () => rm(lockFile, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readFile(lockFile, 'utf8').catch(() => '');
    const pid = Number.parseInt(holder, 10);
    if (pid > 0 && pid !== process.pid && holder === (await identityOf(pid))) {
      throw new Error(
        `Contour is running here already (process ${pid}). Stop it with Ctrl-C there.`,
      );
    }
    await rm(lockFile, { force: true }); // left by a run that was killed
  }
}

// A process id may belong to another process by now. Together with its start time it is unique.
async function identityOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const startTime = stat.slice(stat.lastIndexOf(')')).split(' ')[20];
    return startTime === undefined ? '' : `${pid} ${startTime}\n`;
  }
  try {
    process.kill(pid, 0);
    return `${pid}\n`;
  } catch {
    return '';
  }
}

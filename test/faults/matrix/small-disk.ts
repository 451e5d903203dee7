import { execFile } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDir } from '@contour/local';

const run = promisify(execFile);
const BLOCK = Buffer.alloc(64 * 1024);

/** A small file system. */
export interface SmallDisk {
  path: string;
  /** Fills the remaining room. */
  fill(): void;
  /** Frees it again. */
  free(): void;
  remove(): Promise<void>;
}

/** Needs the right to mount, as root has it. */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const path = await temporaryDir();
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0777`, 'tmpfs', path]);
  await chmod(path, 0o777);
  const filler = join(path, 'filler');
  return {
    path,
    fill() {
      const file = openSync(filler, 'w');
      try {
        for (;;) writeSync(file, BLOCK);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    async remove() {
      await run('umount', ['--lazy', path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

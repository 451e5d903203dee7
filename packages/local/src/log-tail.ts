import { readFile } from 'node:fs/promises';

/** The last lines of a server's log since an offset, for an error message. */
export async function logTail(file: string, since = 0, lines = 8): Promise<string> {
  const text = await readFile(file).catch(() => Buffer.alloc(0));
  return text.subarray(since).toString().trim().split('\n').slice(-lines).join('\n');
}

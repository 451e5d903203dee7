import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Contour } from '../../support/contour.ts';
import { dumpRedis } from '../../support/redis-dump.ts';
import type { Book } from '../book.ts';
import { createSearch, credentialIn } from '../credentials.ts';
import type { Journal } from '../journal.ts';

/** In pieces: an append-only file may be large. */
async function searchFiles(dir: string, onFound: (place: string, found: string) => void) {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  for (const { name, parentPath } of entries.filter((entry) => entry.isFile())) {
    const search = createSearch((found) => onFound(name, found));
    try {
      const pieces = createReadStream(join(parentPath, name), { encoding: 'latin1' });
      for await (const piece of pieces) search(piece);
    } catch (error) {
      // Redis has rewritten it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** Searches credentials in Redis and its files, at Core and in answers. `listen` searches the logs. */
export async function searchCredentials(
  { redis, core }: Contour,
  book: Book,
  journal: Journal,
): Promise<void> {
  const find = (place: string, found: string) =>
    journal.find('credential_leaked', `${found} in ${place}`);
  const look = (place: string, text: string) => {
    const found = credentialIn(text);
    if (found !== undefined) find(place, found);
  };
  for (const [key, text] of await dumpRedis(redis.url)) look(`${key} of Redis`, text);
  await searchFiles(redis.dataDir, (name, found) => find(`the file ${name} of Redis`, found));
  for (const { key, body, headers } of core.requests) {
    look(`the payload ${key}`, body);
    look(`the headers of ${key}`, JSON.stringify(headers));
  }
  for (const answer of book.accepted.values()) look('an answer', answer ?? '');
}

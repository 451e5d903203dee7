import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const QUEUE = join(import.meta.dirname, '../../packages/queue/dist');

/** A script crosses the wire as its SHA-1. This one removes stream entries that are done. */
export const END_ENTRIES_SHA = createHash('sha1')
  .update(readFileSync(join(QUEUE, 'streams/end-entries.lua')))
  .digest('hex');

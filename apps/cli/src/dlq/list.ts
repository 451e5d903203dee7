import { type DlqEntry, dlqEntryBody } from '@contour/contract';
import { countParked, type DlqFilter, deadLetters, type Pool } from '@contour/store';
import type { Cli } from '../cli.ts';
import { printable } from '../printable.ts';
import { paint, tableOf } from '../table.ts';

/** What fits beside an id in 100 columns; --json and `show` have the rest. */
const HEADING = ['failed (UTC)', 'reason', 'channel', 'account', 'id', 'error'];
const NOBODY = '-';

function rowOf({ message, ...entry }: DlqEntry): string[] {
  return [
    entry.failedAt.slice(0, 16).replace('T', ' '),
    paint('yellow', entry.reason),
    message?.channel ?? NOBODY,
    // What came from the ledger has no mask: the fingerprint's beginning tells accounts apart.
    printable(message?.mask ?? message?.fingerprint.slice(0, 8) ?? NOBODY),
    entry.id,
    // Often the reason once more.
    entry.error.code === entry.reason ? '' : printable(entry.error.code),
  ];
}

/** One object over many lines, an entry each: 100 000 of them need not be held at once. */
async function writeJson(pages: AsyncIterable<DlqEntry[]>, count: number, cli: Cli): Promise<void> {
  cli.say(`{"count":${count},"items":[`);
  let before = '';
  for await (const entries of pages) {
    for (const entry of entries) {
      cli.say(before + dlqEntryBody(entry));
      before = ',';
    }
  }
  cli.say(']}');
}

/** Shows the oldest entries first, page by page. */
export async function listEntries(
  pool: Pool,
  filter: DlqFilter,
  limit: number,
  cli: Cli,
): Promise<void> {
  const count = await countParked(pool, filter);
  const pages = deadLetters(pool).matching(filter, limit);
  if (cli.isJson()) return writeJson(pages, count, cli);
  let shown = 0;
  for await (const entries of pages) {
    const [heading = '', ...lines] = tableOf(HEADING, entries.map(rowOf));
    for (const line of shown === 0 ? [heading, ...lines] : lines) cli.say(line);
    shown += entries.length;
  }
  if (shown === 0) cli.say('Nothing is parked that matches.');
  else if (count > shown) cli.say(`${shown} of ${count}; --limit or --all shows more.`);
}

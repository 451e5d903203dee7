import { isMirrorBehind } from '@contour/store';
import type { Contour } from '../../support/contour.ts';
import { withRedis } from '../../support/redis-client.ts';
import { STREAMS } from '../../support/streams.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Book } from '../book.ts';
import type { Journal } from '../journal.ts';

/** After failures of Core a message waits for up to five minutes. */
const DRAIN_MS = 330_000;

async function movingInPostgres({ database: { pool } }: Contour, book: Book): Promise<string[]> {
  const { rows } = await pool.query<{
    pending: number;
    lanes: number;
    waiting: number;
    old: number;
  }>(
    `select (select count(*)::int from messages where status = 'pending') as pending,
            (select count(*)::int from lanes) as lanes,
            (select count(*)::int from parked where waits) as waiting,
            (select count(*)::int from messages
              where status = 'delivered' and delivered_at < now() - interval '1 day') as old`,
  );
  const { pending = 0, lanes = 0, waiting = 0, old = 0 } = rows[0] ?? {};
  const moving = [];
  if (pending > 0 || lanes > 0) moving.push(`${pending} pending messages in ${lanes} lanes`);
  if (waiting > 0) moving.push(`${waiting} parked messages of accounts that have come`);
  if (old > 0) moving.push(`${old} messages that are to be removed`);
  if (moving.length > 0) return moving;

  const ids = [...book.accepted.keys()];
  const known = await pool.query('select 1 from messages where id = any($1::uuid[])', [ids]);
  const lacking = ids.length - (known.rowCount ?? 0);
  if (lacking > 0) moving.push(`${lacking} accepted messages that are not in the ledger`);
  if (await isMirrorBehind(pool)) moving.push('the mirror');
  return moving;
}

const LENGTHS: ReadonlyArray<readonly [what: string, ...command: string[]]> = [
  ['waiting jobs', 'LLEN', 'bull:resolve:wait'],
  ['active jobs', 'LLEN', 'bull:resolve:active'],
  ['delayed jobs', 'ZCARD', 'bull:resolve:delayed'],
  ['failed jobs', 'ZCARD', 'bull:resolve:failed'],
  ...STREAMS.map((stream) => [`entries of ${stream}`, 'XLEN', stream] as const),
];

async function movingInRedis({ redis }: Contour): Promise<string[]> {
  const lengths = await withRedis(redis.url, (ask) =>
    Promise.all(LENGTHS.map(([, ...command]) => ask(...command))),
  );
  return LENGTHS.flatMap(([what], i) => (Number(lengths[i]) > 0 ? `${lengths[i]} ${what}` : []));
}

/** Waits until nothing is in flight. Returns how long that took, and reports what still is. */
export async function drain(contour: Contour, book: Book, journal: Journal): Promise<number> {
  const startedAt = Date.now();
  let moving: string[] = [];
  const look = async () => {
    moving = await movingInRedis(contour);
    if (moving.length === 0) moving = await movingInPostgres(contour, book);
    return moving.length === 0;
  };
  await waitFor('the drain', look, { deadlineMs: DRAIN_MS, everyMs: 250 }).catch((error) =>
    journal.find('not_drained', `${moving.join(', ')}: ${error.cause ?? error.message}`),
  );
  return (Date.now() - startedAt) / 1000;
}

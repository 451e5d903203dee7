import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from './outside-pool.ts';

interface Slow {
  ms: number;
  /** Milliseconds since the start. */
  atSeconds: number;
  what: string;
}

const SHOWN = 5;

interface Habits {
  /** How many clients it had before. It writes to them, too. */
  clients: number;
  writers?: number;
  pauseMs?: number;
}

export interface OldSystem {
  /** How many rows it has written, and how many were refused as repeated keys. */
  written(): number;
  refused(): number;
  /** The statements that took longest, the longest first. */
  slowest(): Slow[];
  /** Stops it. Throws errors other than refusals. */
  stop(): Promise<void>;
}

/** Writes as before the adoption: without our columns, with a repeated key now and then. */
export function startOldSystem(
  pool: Pool,
  { clients, writers = 2, pauseMs = 5 }: Habits,
): OldSystem {
  let isStopped = false;
  let written = 0;
  let refused = 0;
  let slowest: Slow[] = [];
  const bornAt = performance.now();
  const run = async (session: Pick<Pool, 'query'>, sql: string, values: unknown[]) => {
    let isRefused = false;
    const startedAt = performance.now();
    try {
      written += (await session.query(sql, values)).rowCount ?? 0;
    } catch (error) {
      if ((error as { code?: string }).code !== '23505') throw error;
      refused += 1;
      isRefused = true;
    }
    const ms = Math.round(performance.now() - startedAt);
    const atSeconds = Math.round((startedAt - bornAt) / 1000);
    const what = sql.split(/\s+/, 3).join(' ');
    slowest = [...slowest, { ms, atSeconds, what }].sort((a, b) => b.ms - a.ms).slice(0, SHOWN);
    return !isRefused;
  };
  const writer = async (w: number, write: (sql: string, values: unknown[]) => Promise<boolean>) => {
    for (let n = 0; !isStopped; n += 1) {
      const client = randomUUID();
      const tenant = `00000001-0000-4000-8000-00000000000${n % 4}`;
      // Every fifth repeats the phone, the chat and the open dialog of the one before.
      const m = n - (n % 5 === 4 ? 4 : 0);
      const phone = `8 (8${w}0) ${String(m).padStart(7, '0')}`;
      const isMade = await write(
        'insert into clients (id, tenant_id, name, phone) values ($1, $2, $3, $4)',
        [client, tenant, 'new', phone],
      );
      await delay(pauseMs);
      if (!isMade) continue;
      await write(
        'insert into client_channels (client_id, channel_id, external_id) values ($1, 1, $2)',
        [client, `new-${w}-${m}`],
      );
      for (let open = 0; open < (n % 5 === 4 ? 2 : 1); open += 1) {
        await write(
          `insert into dialogs (id, tenant_id, client_id, channel_id, channel_account_id, status_id, updated_at)
           values ($1, $2, $3, 1, $4, 1, now())`,
          [randomUUID(), tenant, client, (n % 4) + 1],
        );
      }
      const known = String(Math.floor(Math.random() * clients)).padStart(12, '0');
      for (const one of [client, `00000002-0000-4000-8000-${known}`]) {
        await write('update clients set name = $2 where id = $1', [one, 'renamed']);
      }
    }
  };
  // A session each, so that only the statement is measured.
  const open = async (_: unknown, w: number) => {
    const session = await pool.connect();
    await writer(w, (sql, values) => run(session, sql, values)).finally(() => session.release());
  };
  const done = Promise.all(Array.from({ length: writers }, open));
  done.catch(() => undefined);
  return {
    written: () => written,
    refused: () => refused,
    slowest: () => slowest,
    async stop() {
      isStopped = true;
      await done;
    },
  };
}

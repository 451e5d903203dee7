import { checkIncoming, normalisePhone } from '@contour/contract';
import { inject, onTestFinished } from 'vitest';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { type Arrival, type BatchResult, type Ending, resolveBatch } from '../src/resolve/index.ts';

export const OPTIONS = { linkByPhone: true, shardCount: 16 };

/** The kind of each outcome, or the code of its error. */
export const kinds = (outcomes: readonly Ending[]): string[] =>
  outcomes.map((outcome) => ('kind' in outcome ? outcome.kind : outcome.code));

/** What a run takes: all due lanes, if no test has more. */
export const ANY = {
  lanes: 50,
  messagesPerLane: 10,
  notDialogs: [],
  lanesPerTenant: 50,
  rooms: [],
};

export interface Bundle {
  pool: Pool;
  url: string;
  tenant: TestTenant;
  resolve(...arrivals: Arrival[]): Promise<BatchResult>;
  count(sql: string): Promise<number>;
}

/** A migrated database for this test alone, with one tenant in it. */
export async function openBundle(options: { linkByPhone?: boolean } = {}): Promise<Bundle> {
  const { pool, url, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const tenant = await addTestTenant(pool);
  return {
    pool,
    url,
    tenant,
    resolve: (...arrivals) => resolveBatch(pool, arrivals, { ...OPTIONS, ...options }),
    async count(sql) {
      const { rows } = await pool.query<{ n: number }>(`select count(*)::int as n from ${sql}`);
      return rows[0]?.n ?? 0;
    },
  };
}

/** The same pool, with an action before each statement of that name. */
export function interrupted(
  { pool }: Bundle,
  verb: string,
  act: (time: number) => Promise<unknown>,
): Pool {
  let times = 0;
  const connect = async () => {
    const client = await pool.connect();
    const query = async (config: { name?: string }) => {
      if (config.name === verb) {
        times += 1;
        await act(times);
      }
      return client.query(config as never);
    };
    return Object.create(client, { query: { value: query } });
  };
  return { connect } as unknown as Pool;
}

export const onlyOnce = (act: () => Promise<unknown>) => async (time: number) => {
  if (time === 1) await act();
};

let lastId = 0;

/** A message that was never sent before, unless `change` has its ids. */
export function arrival(tenant: TestTenant, change: Record<string, unknown> = {}): Arrival {
  const channel = (change.channel ?? 'telegram') as keyof TestTenant['accounts'];
  lastId += 1;
  const checked = checkIncoming({
    channel,
    account_fingerprint: tenant.accounts[channel].fingerprint,
    external_chat_id: 'chat',
    text: 'hello',
    message_ids: [`message ${lastId}`],
    ...change,
  });
  if (!checked.ok)
    throw new Error(`the test's message is not valid: ${JSON.stringify(checked.faults)}`);
  return { message: checked.message, phone: normalisePhone(checked.message.clientPhone, 'RU') };
}

import type { Pool } from '../../support/outside-pool.ts';

/**
 * Makes checked messages two days old, so that retention deletes them during the next hour. Messages to be
 * repeated later become old, too, but with a late delivery, and stay: numbers may be missing only behind
 * an old message.
 */
export async function makeOld(pool: Pool, kept: ReadonlySet<string>): Promise<void> {
  await pool.query(
    `update messages
        set received_at = received_at - interval '2 days', resolved_at = resolved_at - interval '2 days',
            delivered_at = case when id = any($1::uuid[]) then delivered_at
                                else delivered_at - interval '2 days' end
      where delivered_at > now() - interval '1 day'`,
    [[...kept]],
  );
  await pool.query(
    `update dialogs set created_at = created_at - interval '2 days'
      where created_at > now() - interval '1 day'`,
  );
}

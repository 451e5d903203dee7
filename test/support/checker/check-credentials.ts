import type { Pool } from '../outside-pool.ts';
import type { Violation } from './violation.ts';

/** Texts that may contain no credential, with their sources. */
export type Places = Iterable<readonly [place: string, text: string]>;

/** Searches every credential of the database, and the given others. */
export async function checkCredentials(
  pool: Pool,
  places: Places,
  others: readonly string[] = [],
): Promise<Violation[]> {
  const { rows } = await pool.query<{ account_id: string }>(
    'select account_id from channel_accounts',
  );
  const credentials = [...rows.map((row) => row.account_id), ...others];
  const violations: Violation[] = [];
  for (const [place, text] of places) {
    for (const credential of credentials) {
      if (text.includes(credential)) {
        violations.push({ kind: 'credential_leaked', detail: `${credential} in ${place}` });
      }
    }
  }
  return violations;
}

import type { Pool } from '../outside-pool.ts';
import type { Violation } from './violation.ts';

/** Texts in which no credential may stand, by where they come from. */
export type Places = Iterable<readonly [place: string, text: string]>;

/** Looks for every credential that the database knows, and for some that it does not. */
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

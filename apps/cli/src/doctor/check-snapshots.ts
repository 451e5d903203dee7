import { type OldSnapshot, oldestSnapshots, type Pool } from '@contour/store';
import { type Check, ok, warn } from './check.ts';

/** Longer than any transaction of Contour's own, except an audit. */
const OLD_SECONDS = 15 * 60;
/** As many as a busy installation has in a few hours. */
const MANY_TRANSACTIONS = 5_000_000;

const ADVICE = 'end it: while it is open, deleted rows stay and queries become slower';

const inMinutes = (seconds: number) => `${Math.round(seconds / 60)} min`;

function describe({ holder, seconds, transactions }: OldSnapshot): string {
  return seconds === null
    ? `${holder}, ${transactions} transactions behind`
    : `${holder}, open for ${inMinutes(seconds)}`;
}

/** Warns when a session or a slot holds an old snapshot open. */
export async function checkSnapshots(pool: Pool): Promise<Check> {
  const { inTime, inTransactions } = await oldestSnapshots(pool);
  const old = (inTime?.seconds ?? 0) > OLD_SECONDS ? inTime : null;
  const far = (inTransactions?.transactions ?? 0) > MANY_TRANSACTIONS ? inTransactions : null;
  const found = old ?? far;
  if (found !== null) return warn('postgres snapshots', describe(found), ADVICE);
  return ok('postgres snapshots', `oldest open for ${inMinutes(inTime?.seconds ?? 0)}`);
}

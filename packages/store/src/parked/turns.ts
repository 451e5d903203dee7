import { type Queryable, statement } from '../statement.ts';

/** A duty that only one worker may perform at a time. */
export type TurnDuty = 'release' | 'sweep' | 'rebuild';

const take = statement<{ duty: string }>(
  'take_parked_turn',
  `update parked_turns set holder = $2, held_until = now() + $3::float8 * interval '1 ms'
    where duty = $1 and (holder = $2 or held_until < now())
   returning duty`,
);

/** Takes or renews the lease of a duty for `ms`. Returns false if another holder has it. */
export async function takeParkedTurn(
  db: Queryable,
  { duty, holder, ms }: { duty: TurnDuty; holder: string; ms: number },
): Promise<boolean> {
  return (await take(db, duty, holder, ms)).length > 0;
}

import { type Queryable, statement } from '../statement.ts';

/** What one worker does at a time. */
export type TurnDuty = 'release' | 'sweep' | 'rebuild';

const take = statement<{ duty: string }>(
  'take_parked_turn',
  `update parked_turns set holder = $2, held_until = now() + $3::float8 * interval '1 ms'
    where duty = $1 and (holder = $2 or held_until < now())
   returning duty`,
);

/** Whether `holder` may do this for the next milliseconds. No other worker may meanwhile. */
export async function takeParkedTurn(
  db: Queryable,
  { duty, holder, ms }: { duty: TurnDuty; holder: string; ms: number },
): Promise<boolean> {
  return (await take(db, duty, holder, ms)).length > 0;
}

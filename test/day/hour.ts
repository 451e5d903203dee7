import type { Contour } from '../support/contour.ts';
import type { Dice } from '../support/dice.ts';
import type { Book } from './book.ts';
import type { Crew } from './harm/crew.ts';
import type { Deal } from './harm/deal.ts';
import { registerAll } from './harm/operator-cards.ts';
import { type LoadDeps, startLoad } from './load/start-load.ts';
import { type CheckDeps, checkDeadLetters, checkHour } from './quiet/check-hour.ts';
import { drain } from './quiet/drain.ts';
import { makeOld } from './quiet/make-old.ts';
import { tidyDeadLetters } from './quiet/tidy.ts';

export interface HourDeps extends CheckDeps {
  load: LoadDeps;
  deals: readonly Deal[];
  crew: Crew;
  coreIsWell: () => void;
}

/** Messages and faults for a while. Then the faults end, and all senders get their answers. */
async function busy({ load, deals, crew, coreIsWell, contour }: HourDeps, untilMs: number) {
  const running = startLoad(load);
  try {
    await Promise.all(deals.map((deal) => deal(untilMs)));
  } finally {
    coreIsWell();
    await crew.complete();
    await registerAll(contour, load.town);
    await running.stop();
  }
}

function summary({ counts, accepted }: Book, dead: number): string {
  const { messages, repeats, refused, conflicts } = counts;
  return [
    `${messages} messages sent, ${repeats} of them repeats`,
    `${accepted.size} accepted`,
    `${refused} refused, ${conflicts} in conflict, ${dead} had been dead`,
  ].join('; ');
}

async function countDead({ database }: Contour): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(*)::int from messages where attempts_before > 0`,
  );
  return rows[0]?.count ?? 0;
}

/** An hour of the day, with a quiet moment at its end in which it is checked. */
export async function liveHour(deps: HourDeps, untilMs: number): Promise<number> {
  const { contour, book, journal } = deps;
  await busy(deps, untilMs);
  const drainSeconds = await drain(contour, book, journal);
  await checkDeadLetters(deps);
  await tidyDeadLetters(contour, journal);
  await drain(contour, book, journal);
  await checkHour(deps);
  journal.tell('quiet', `drained in ${drainSeconds.toFixed(1)} s`);
  journal.tell('quiet', summary(book, await countDead(contour)));
  return book.counts.messages;
}

/** Forgets checked messages, except some to be repeated in later hours. */
export async function endHour({ contour, book }: HourDeps, dice: Dice): Promise<void> {
  const kept = book.turnPage(dice);
  contour.core.forgetAllBut(kept);
  await makeOld(contour.database.pool, kept);
}

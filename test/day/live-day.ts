import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { diceOf } from '../support/dice.ts';
import { hangUp } from '../support/send.ts';
import { startTestNeo4j, type TestServer } from '../support/servers.ts';
import { openBook } from './book.ts';
import { coreCards } from './harm/core-cards.ts';
import { createCrew } from './harm/crew.ts';
import { createDealer } from './harm/deal.ts';
import { operatorCards } from './harm/operator-cards.ts';
import { processCards } from './harm/process-cards.ts';
import { serverCards } from './harm/server-cards.ts';
import { endHour, type HourDeps, liveHour } from './hour.ts';
import { type Finding, type Journal, openJournal } from './journal.ts';
import { openDirect } from './load/direct.ts';
import { createWriter } from './load/letter.ts';
import { createPost } from './load/post.ts';
import { type Figure, type Judgement, judge } from './measure/figure.ts';
import { createListener, type Listener } from './measure/listen.ts';
import { measurePostgres } from './measure/measure-postgres.ts';
import { measureSelf, measureVeteran } from './measure/measure-processes.ts';
import { measureRedis } from './measure/measure-redis.ts';
import type { DayOptions } from './options.ts';
import { RETENTION_DAYS } from './quiet/check-hour.ts';
import { buildTown } from './town.ts';

const REPORT_HEAP = fileURLToPath(new URL('./inject/report-heap.mjs', import.meta.url));

/** Short times, so that everything happens within a day. The numbers of attempts are the defaults. */
const SETTINGS = {
  RETENTION_DAYS,
  CORE_TIMEOUT_MS: '3000',
  RESOLVE_WAIT_MS: '5000',
  NODE_OPTIONS: `--import=${REPORT_HEAP}`,
};

export interface Day {
  messages: number;
  hours: number;
  findings: readonly Finding[];
  /** Comparisons of the last hour with the second. Empty if there was one hour. */
  judgements: Judgement[];
}

/** The first hour has no old rows. Removing them takes room, from the second hour on. */
const BASELINE = 2;

type Closer = () => Promise<unknown>;

/** Without a JDK the day has no mirror. */
async function startNeo4jIfPossible(journal: Journal): Promise<TestServer | undefined> {
  try {
    return await startTestNeo4j();
  } catch (error) {
    journal.tell('day', `without a graph: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

async function measure(contour: Contour, hour: HourDeps, listener: Listener): Promise<Figure[]> {
  // Idle connections are no leak.
  contour.core.hangUp();
  hangUp();
  const figures: Figure[] = [];
  figures.push(...(await measureRedis(contour.redis.url)));
  figures.push(...(await measurePostgres(contour.database.pool)));
  for (const one of hour.crew.veterans()) figures.push(...(await measureVeteran(one, listener)));
  figures.push(...(await measureSelf()));
  return figures;
}

async function prepare(
  options: DayOptions,
  journal: Journal,
  closers: Closer[],
): Promise<{ contour: Contour; hour: HourDeps; listener: Listener }> {
  const { seed, hasOwnServers: isOwn, apis, workers, restMs } = options;
  const listener = createListener(journal);
  const ownNeo4j = isOwn ? await startNeo4jIfPossible(journal) : undefined;
  if (ownNeo4j) closers.push(ownNeo4j.close);
  const contour = await startContour({
    ...{ apis, workers, ownPostgres: isOwn, env: SETTINGS, onOutput: listener.hear },
    neo4jUri: isOwn ? ownNeo4j?.url : inject('neo4j').uri,
  });
  closers.push(contour.close);
  const town = await buildTown(contour.database.pool, seed, options.tenants);
  const book = openBook(journal);
  const direct = openDirect(contour.redis.url, book, journal);
  closers.push(direct.close);
  const crew = createCrew(contour, journal);
  const dice = (name: string) => diceOf(seed, name);
  const core = coreCards(contour.core, town, dice('core moods'));
  const cards = {
    harm: [...processCards(crew), ...serverCards(contour, ownNeo4j)],
    core: core.cards,
    operator: operatorCards(contour, town),
  };
  const deals = (['harm', 'core', 'operator'] as const).map((who) =>
    createDealer({ who, cards: cards[who], dice: dice(who), restMs: restMs[who], journal }),
  );
  const post = createPost({ urls: () => contour.urls, book, journal });
  const { neo4jUri } = contour;
  const hour: HourDeps = {
    ...{ contour, book, journal, deals, crew, coreIsWell: core.well },
    neo4j: neo4jUri === undefined ? undefined : { uri: neo4jUri, isOwn },
    load: {
      options,
      town,
      book,
      writer: createWriter(town),
      post,
      direct,
      journal,
      dice: dice('load'),
    },
  };
  return { contour, hour, listener };
}

/** A simulated day: messages, faults, operators, and a check every hour. */
export async function liveDay(options: DayOptions, write: (line: string) => void): Promise<Day> {
  const journal = openJournal(write);
  const closers: Closer[] = [];
  const dice = diceOf(options.seed, 'day');
  let first: Figure[] | undefined;
  let last: Figure[] | undefined;
  let [messages, hours] = [0, 0];
  try {
    const { contour, hour, listener } = await prepare(options, journal, closers);
    const { lengthMs, hourMs, rate, seed } = options;
    const count = Math.max(1, Math.round(lengthMs / hourMs));
    journal.tell('day', `${count} hours of ${hourMs / 1000} s, ${rate} messages/s, seed ${seed}`);
    while (hours < count) {
      messages += await liveHour(hour, Date.now() + hourMs);
      hours += 1;
      journal.tell('day', `hour ${hours} of ${count} is over, ${journal.findings.length} findings`);
      if (count > 1) last = await measure(contour, hour, listener);
      if (hours === Math.min(BASELINE, count - 1)) first = last;
      await endHour(hour, dice);
    }
  } finally {
    for (const close of closers.toReversed()) {
      await close().catch((error: unknown) => journal.find('not_closed', String(error)));
    }
  }
  const isLong = first !== undefined && last !== undefined && first !== last;
  const judgements = isLong ? judge(first ?? [], last ?? []) : [];
  return { messages, hours, findings: journal.findings, judgements };
}

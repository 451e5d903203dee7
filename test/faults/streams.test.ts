import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, idOf, messagesOf } from '../support/messages.ts';
import { type BuiltProcess, logged } from '../support/processes.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { withRedis } from '../support/redis-client.ts';
import { END_ENTRIES_SHA } from '../support/redis-scripts.ts';
import { isWholeMatrix } from '../support/seed.ts';
import {
  addToStreams,
  areStreamsEmpty,
  STREAM_SHARDS,
  STREAMS,
  streamOwners,
  withFingerprint,
} from '../support/streams.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Outcome, row } from './matrix/row.ts';
import { ensureWorkers, graphOfMatrix, secondsUntilThrough } from './matrix/under-load.ts';

const BACK_SECONDS = 15;
/** With all entries that were added meanwhile. */
const POURED_SECONDS = 25;
const TAKEOVER_SECONDS = 10;
const AT_ONCE = 100;

/** Entries of a hundred dialogs, added over some seconds. */
interface Flow {
  entries: number;
  seconds: number;
}
const SHORT: Flow = isWholeMatrix() ? { entries: 1600, seconds: 3 } : { entries: 600, seconds: 2 };
const LONG: Flow = { entries: 5000, seconds: 20 };
const told = ({ entries, seconds }: Flow) => `${entries} entries of 100 chats in ${seconds} s`;

describe('Streams', () => {
  let contour: Contour;
  let toRedis: TestProxy;
  beforeAll(async () => {
    contour = await startContour({ neo4jUri: graphOfMatrix(), workers: 2 });
    toRedis = await startProxy(contour.redis.url);
  });
  afterAll(async () => {
    await contour?.close();
    await toRedis?.close();
  });
  beforeEach(async () => {
    toRedis.watch({});
    await ensureWorkers(contour, 2);
  });

  // One system serves all rows, and its ledger holds the entries of all of them.
  const everSent = new Set<string>();

  const onAll = (commandFor: (stream: string) => readonly string[]) =>
    withRedis(contour.redis.url, async (run) => {
      for (const stream of STREAMS) await run(...commandFor(stream));
    });

  /** The id under which a worker owns its shards. */
  const nameOf = (worker: BuiltProcess): string =>
    /"id":"([^"]+)"[^\n]*worker\.started/.exec(worker.output())?.[1] ?? 'not started';

  /** Waits until all shards are owned by these workers, and each of them owns one. */
  const ownedBy = (workers: readonly BuiltProcess[]) =>
    waitFor(
      `${workers.length} owners`,
      async () => {
        const found = await streamOwners(contour.redis.url);
        const wanted = new Set(workers.map(nameOf));
        return (
          !found.includes(null) &&
          new Set(found).size === wanted.size &&
          found.every((one) => one !== null && wanted.has(one))
        );
      },
      { deadlineMs: 30_000, everyMs: 50 },
    );

  /** Adds entries and injects the fault in the middle, awaiting its promise. After a lost connection the batch is written again. */
  async function pour({ entries, seconds }: Flow, harm: () => unknown) {
    const { telegram } = (await contour.addTenant()).accounts;
    const bodies = [...messagesOf(telegram, { count: entries, chats: 100 })];
    const sent = new Set(bodies.map(idOf));
    for (const id of sent) everSent.add(id);
    const write = (some: readonly Body[]) =>
      waitFor(
        'Redis to take a batch',
        () =>
          addToStreams(
            contour.redis.url,
            some.map((body) => withFingerprint(body, telegram)),
          ).then(() => true),
        { deadlineMs: 20_000, everyMs: 200 },
      );
    for (let at = 0; at < entries; at += AT_ONCE) {
      await write(bodies.slice(at, at + AT_ONCE));
      // Right after a batch is written: most of it is unread.
      if (at === entries / 2) await harm();
      await delay((seconds * 1000 * AT_ONCE) / entries);
    }
    return { sent, bodies };
  }

  const areEmpty = () => areStreamsEmpty(contour.redis.url);

  const ledgerOf = async (ids: ReadonlySet<string>) => {
    const { rows } = await contour.database.pool.query<{ id: string }>(
      'select id from messages where id = any($1)',
      [[...ids]],
    );
    return new Set(rows.map(({ id }) => id));
  };

  /** Waits until the streams are empty, then runs the checker for the known entries. */
  async function judged(known: ReadonlySet<string>, recoverySeconds: number): Promise<Outcome> {
    await waitFor('the streams to be empty', areEmpty, { deadlineMs: 60_000, everyMs: 100 });
    for (const stream of STREAMS) {
      const pending = await withRedis(contour.redis.url, (run) =>
        run('XPENDING', stream, 'contour'),
      );
      expect(pending).toMatchObject([0, null, null, null]);
    }
    const accepted = [...known].map((messageId) => ({ messageId, answer: null }));
    const violations = await contour.check({ accepted, sent: everSent, drainMs: 120_000 });
    expect(await inOtherOrder()).toBe(0);
    return { recoverySeconds, violations };
  }

  /** How many messages are not in the order of their stream. */
  async function inOtherOrder(): Promise<number> {
    const { rows } = await contour.database.pool.query<{ n: number }>(
      `select count(*)::int as n from (
         select seq, row_number() over (
                  partition by dialog_id order by substring(payload->>'text' from '\\d+$')::int) as place
           from messages) m
        where place <> seq`,
    );
    return rows[0]?.n ?? 0;
  }

  const losses = () =>
    logged<{ entries: number; stream_deleted: boolean }>(contour.workers, 'stream.lost');
  const toldEntries = () => losses().reduce((sum, { entries }) => sum + entries, 0);

  row(
    'a consumer killed before its XACK',
    {
      injected: 'kill -9 of one of three when it acknowledges; the acknowledgement is swallowed',
      load: told(SHORT),
      withinSeconds: POURED_SECONDS,
    },
    async (dice) => {
      const REDIS_URL = toRedis.through(contour.redis.url);
      const victim = await contour.startWorker({ REDIS_URL });
      await ownedBy(contour.workers.filter((worker) => !worker.ended()));
      let acknowledgements = dice.between(1, 3);
      let killedAt = 0;
      const watchOut = () =>
        toRedis.watch({
          fromClient(bytes) {
            if (!bytes.includes(END_ENTRIES_SHA)) return true;
            acknowledgements -= 1;
            if (acknowledgements > 0) return true;
            killedAt ||= performance.now();
            void victim.kill();
            return false;
          },
        });
      const sent = new Set<string>();
      do {
        for (const id of (await pour(SHORT, watchOut)).sent) sent.add(id);
        // A slow worker reads many at a time and acknowledges seldom.
      } while (killedAt === 0);
      await waitFor('the victim to die', () => victim.ended());
      await secondsUntilThrough(contour, { sent });
      return judged(sent, (performance.now() - killedAt) / 1000);
    },
  );

  row(
    'its owners freeze, die, revive and come',
    {
      injected: 'SIGSTOP of one of three, kill -9 of another, a new one, SIGCONT 12 s later',
      load: told(LONG),
      withinSeconds: TAKEOVER_SECONDS,
    },
    async () => {
      await ensureWorkers(contour, 3);
      const alive = contour.workers.filter((worker) => !worker.ended());
      const [frozen, killed, ...others] = alive as [BuiltProcess, BuiltProcess, BuiltProcess];
      await ownedBy(alive);
      let takeoverSeconds = 0;
      const harm = async () => {
        frozen.freeze();
        const frozenAt = performance.now();
        await ownedBy([killed, ...others]);
        const afterFreeze = performance.now() - frozenAt;
        await killed.kill();
        const killedAt = performance.now();
        await ownedBy(others);
        takeoverSeconds = Math.max(afterFreeze, performance.now() - killedAt) / 1000;
        await contour.startWorker();
        await delay(Math.max(0, 12_000 - (performance.now() - frozenAt)));
        frozen.thaw();
      };
      let harming: Promise<void> | undefined;
      const { sent } = await pour(LONG, () => {
        harming = harm();
      });
      await harming;
      await secondsUntilThrough(contour, { sent }, 120_000);
      await ownedBy(contour.workers.filter((worker) => !worker.ended()));
      return judged(sent, takeoverSeconds);
    },
  );

  row(
    'its group is destroyed',
    {
      injected: 'XGROUP DESTROY of every stream',
      load: told(SHORT),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const { sent } = await pour(SHORT, () =>
        onAll((stream) => ['XGROUP', 'DESTROY', stream, 'contour']),
      );
      return judged(sent, await secondsUntilThrough(contour, { sent }));
    },
  );

  row(
    'trimmed before it was read',
    {
      injected: 'four entries more and XTRIM to one, in one transaction, of every stream',
      load: told(SHORT),
      quick: true,
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const before = toldEntries();
      const strangers = (await contour.dlq()).length;
      // At least three of the four are lost. The last one is unreadable and parked.
      const trim = () =>
        withRedis(contour.redis.url, async (run) => {
          await run('MULTI');
          for (const stream of STREAMS) {
            for (let n = 0; n < 4; n += 1) await run('XADD', stream, '*', 'message', '{}');
            await run('XTRIM', stream, 'MAXLEN', '1');
          }
          await run('EXEC');
        });
      const { sent } = await pour(SHORT, trim);
      const since = performance.now();
      await waitFor('the streams to be empty', areEmpty, { deadlineMs: 60_000 });
      const known = await ledgerOf(sent);
      const lost = 3 * STREAM_SHARDS + sent.size - known.size;
      await waitFor('all losses to be logged', () => toldEntries() - before >= lost);
      expect(toldEntries() - before).toBe(lost);
      expect(await contour.dlq()).toHaveLength(strangers + STREAM_SHARDS);
      return judged(known, (performance.now() - since) / 1000);
    },
  );

  row(
    'deleted',
    {
      injected: 'DEL of every stream',
      load: told(SHORT),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const deletions = () => losses().filter((loss) => loss.stream_deleted).length;
      const before = deletions();
      const { sent, bodies } = await pour(SHORT, () => onAll((stream) => ['DEL', stream]));
      const since = performance.now();
      await waitFor('the streams to be empty', areEmpty, { deadlineMs: 60_000 });
      await waitFor('each deletion to be logged', () => deletions() - before === STREAM_SHARDS);
      const known = await ledgerOf(sent);
      for (const body of bodies.slice(SHORT.entries / 2 + AT_ONCE)) {
        expect(known).toContain(idOf(body));
      }
      return judged(known, (performance.now() - since) / 1000);
    },
  );
});

import { expect, inject, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, idOf, messagesOf } from '../support/messages.ts';
import { rewrittenBy } from '../support/rewritten/rewritten.ts';
import { isWholeMatrix } from '../support/seed.ts';
import { type Accepted, startLoad } from '../support/send.ts';
import { addToStreams, withFingerprint } from '../support/streams.ts';
import { waitFor } from '../support/wait-for.ts';
import { BREAKS, type Break } from './breaks/breaks.ts';

/** As long as a broken product is waited for: what it has lost never comes. */
const DRAIN_MS = 5_000;

async function startBroken(broken: Break, neo4jUri?: string): Promise<Contour> {
  const contour = await startContour({ neo4jUri, env: rewrittenBy(broken) });
  onTestFinished(() => contour.close());
  return contour;
}

function* copiesOf(bodies: Iterable<Body>, count: number): Generator<Body> {
  for (const body of bodies) for (let copy = 0; copy < count; copy += 1) yield body;
}

test('there is a break for each of the first eight guarantees', () => {
  const broken = new Set(BREAKS.map(({ guarantee }) => guarantee));
  expect([...broken].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

/** With `npm test` these; all of them with the matrix. */
const QUICK: readonly number[] = [1, 6];

const graph = inject('neo4j').uri;

const shown = BREAKS.filter(({ guarantee, says }) => {
  if (says === 'mirror_differs' && graph === undefined) return false;
  return isWholeMatrix() || QUICK.includes(guarantee);
});

test.each(shown)('guarantee $guarantee: when $effect, it is told ($says)', async (scene) => {
  const { core, fields, copies = 1, unguard, says } = scene;
  const contour = await startBroken(scene, says === 'mirror_differs' ? graph : undefined);
  if (core) contour.core.behave(core);
  if (unguard) await contour.database.pool.query(unguard);
  const { telegram } = (await contour.addTenant()).accounts;
  const bodies = [...messagesOf(telegram, { count: 100, chats: 10 })].map((body) => ({
    ...body,
    ...fields?.(telegram.credential),
  }));
  const { accepted, sent } = await startLoad({
    urls: contour.urls,
    messages: copiesOf(bodies, copies),
    concurrency: 20,
  }).done;
  const violations = await contour.check({ accepted, sent, drainMs: DRAIN_MS });
  expect(new Set(violations.map(({ kind }) => kind))).toContain(says);
});

/** An acknowledgement before the commit: it costs nothing until somebody dies. */
const ENDS_BEFORE_IT_HANDLES: Break = {
  guarantee: 2,
  effect: 'entries of a stream are acknowledged before they are resolved',
  file: 'packages/queue/dist/streams/read-shard.js',
  find: 'const handled = await this.handle(entries, heldChats);',
  replace:
    'await redis.ask(() => endEntries(redis.client, shard, entries.map(({ id }) => id))); const handled = await this.handle(entries, heldChats);',
};

const testOfTheMatrix = isWholeMatrix() ? test : undefined;

testOfTheMatrix?.(
  'guarantee 2: when entries are acknowledged before they are resolved, a killed worker loses them',
  async () => {
    const contour = await startBroken(ENDS_BEFORE_IT_HANDLES);
    const { telegram } = (await contour.addTenant()).accounts;
    const bodies = [...messagesOf(telegram, { count: 3000, chats: 100 })];
    await addToStreams(
      contour.redis.url,
      bodies.map((body) => withFingerprint(body, telegram)),
    );
    const storedCount = async () => {
      const { rows } = await contour.database.pool.query<{ n: number }>(
        'select count(*)::int as n from messages',
      );
      return rows[0]?.n ?? 0;
    };
    await waitFor('the first to be stored', async () => (await storedCount()) > 0, { everyMs: 2 });
    await contour.workers[0]?.kill();
    await contour.startWorker();
    const accepted = bodies.map((body): Accepted => ({ messageId: idOf(body), answer: null }));
    const violations = await contour.check({ accepted, drainMs: 15_000 });
    expect(new Set(violations.map(({ kind }) => kind))).toContain('lost');
  },
);

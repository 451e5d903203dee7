import { expect, inject, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, idOf, messagesOf } from '../support/messages.ts';
import { rewrittenBy } from '../support/rewritten/rewritten.ts';
import { type Accepted, startLoad } from '../support/send.ts';
import { addToStreams, withFingerprint } from '../support/streams.ts';
import { waitFor } from '../support/wait-for.ts';
import { BREAKS, type Break, ENDS_BEFORE_IT_HANDLES } from './breaks.ts';

/** How long the checker waits: messages that the broken product has lost never come. */
const DRAIN_MS = 5_000;

async function startBroken(broken: Break, neo4jUri?: string): Promise<Contour> {
  const contour = await startContour({ neo4jUri, env: rewrittenBy(broken) });
  onTestFinished(() => contour.close());
  return contour;
}

function* copiesOf(bodies: Iterable<Body>, count: number): Generator<Body> {
  for (const body of bodies) for (let copy = 0; copy < count; copy += 1) yield body;
}

test.each(BREAKS)('guarantee $guarantee: the checker reports $says when $effect', async (scene) => {
  const { core, fields, copies = 1, unguard, says } = scene;
  const graph = says === 'mirror_differs' ? inject('neo4j').uri : undefined;
  const contour = await startBroken(scene, graph);
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

test('guarantee 2: a killed worker loses entries that were acknowledged before they were resolved', async () => {
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
});

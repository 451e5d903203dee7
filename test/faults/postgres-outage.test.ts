import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, idOf, messagesOf, messageTo } from '../support/messages.ts';
import { type Answer, get, resolve, startLoad } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { makeCredential } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';
import { graphOfMatrix } from './matrix/under-load.ts';

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({
    neo4jUri: graphOfMatrix(),
    ownPostgres: true,
    workers: 2,
    env: { RESOLVE_WAIT_MS: '1500' },
  });
});
afterAll(() => contour?.close());

test.each(['stop', 'kill'] as const)(
  'Postgres is away (%s): nothing is dead-lettered or called unknown, and all is resolved once',
  async (how) => {
    const { telegram } = (await contour.addTenant()).accounts;
    const first = await resolve(contour.url, messageTo(telegram, { external_chat_id: 'chat' }));
    expect(first.status).toBe(200);
    await storyIn(contour, first.json.message_id, 'delivered');

    const parkedBefore = (await contour.dlq()).map(({ id }) => id);
    await contour.postgres?.[how]();
    const bodies: Body[] = Array.from({ length: 40 }, (_, index) =>
      messageTo(telegram, { external_chat_id: index % 2 ? 'chat' : `chat-${index}` }),
    );
    const unregistered = { ...telegram, credential: makeCredential('telegram') };
    const stray = messageTo(unregistered);
    const patient = messageTo(telegram, { external_chat_id: 'chat' });
    const [queued, unknown, ...answers]: Answer[] = await Promise.all([
      resolve(contour.url, patient, { prefer: 'respond-async' }),
      ...[stray, ...bodies].map((body) => resolve(contour.url, body)),
    ]);
    expect(queued?.status).toBe(202);
    for (const answer of [unknown, ...answers]) {
      expect(answer?.json).toMatchObject({ code: 'not_yet', accepted: false });
      expect(answer?.status).toBe(503);
      expect(Number(answer?.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await get(`${contour.url}/health`)).json).toMatchObject({
      status: 'unavailable',
      postgres: false,
      redis: true,
    });
    expect((await get(`${contour.url}/dlq`)).status).toBe(503);

    await contour.postgres?.start();
    // Half of the senders repeat their message.
    const repeated = await Promise.all(bodies.slice(20).map((body) => resolve(contour.url, body)));
    for (const { status } of repeated) expect([200, 503]).toContain(status);
    for (const body of [patient, ...bodies]) await storyIn(contour, idOf(body), 'delivered');
    await storyIn(contour, idOf(stray), 'parked');
    const entries = (await contour.dlq()).filter(({ id }) => !parkedBefore.includes(id));
    expect(entries).toMatchObject([{ id: idOf(stray), reason: 'unknown_tenant' }]);

    const ids = [first.json.message_id, idOf(patient), ...bodies.map(idOf)];
    const accepted = ids.map((messageId) => ({ messageId, answer: null }));
    const otherCredentials = [unregistered.credential];
    expect(await contour.check({ accepted, otherCredentials })).toEqual([]);
  },
);

const REFUSE = `
  create function refuse() returns trigger language plpgsql as
  $$ begin raise exception 'read-only' using errcode = '25006'; end $$;
  create trigger refuse before update on messages for each row execute function refuse()`;

test('while Postgres refuses to store the answers of Core, messages are not sent again and again', async () => {
  const { telegram } = (await contour.addTenant()).accounts;
  await contour.database.pool.query(REFUSE);
  const asked = contour.core.requests.length;
  const { accepted } = await startLoad({
    urls: contour.urls,
    messages: messagesOf(telegram, { count: 100, chats: 20 }),
    concurrency: 10,
  }).done;
  const refusals = () =>
    contour.workers.map((one) => one.output().split('settle.waits').length).some((n) => n > 5);
  await waitFor('five refusals', refusals);
  // Each dialog's first message has reached Core. The next one waits until that is stored.
  // A message that another worker takes over may come twice, as after any crash.
  expect(contour.core.requests.length - asked).toBeLessThan(40);
  await contour.database.pool.query('drop trigger refuse on messages');
  expect(await contour.check({ accepted })).toEqual([]);
});

import { expect, onTestFinished, test } from 'vitest';
import { startContour } from '../support/contour.ts';
import { type Body, idOf, messageTo } from '../support/messages.ts';
import { type Accepted, get, resolve } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { waitFor } from '../support/wait-for.ts';

const ASYNC = { prefer: 'respond-async' };
const WAIT_MS = 600;

test('without a worker messages are queued up to MAX_BACKLOG, and a worker that starts resolves all', async () => {
  const contour = await startContour({
    workers: 0,
    env: { RESOLVE_WAIT_MS: String(WAIT_MS), MAX_BACKLOG: '10' },
  });
  onTestFinished(() => contour.close());
  const { telegram } = (await contour.addTenant()).accounts;
  const accepted: Accepted[] = [];
  const queue = (body: Body) => accepted.push({ messageId: idOf(body), answer: null });

  const late = messageTo(telegram);
  const notYet = await resolve(contour.url, late);
  expect(notYet.status).toBe(503);
  expect(notYet.ms).toBeGreaterThan(WAIT_MS - 50);
  expect(notYet.json).toMatchObject({ code: 'not_yet', reason: 'not_yet', accepted: false });
  expect(Number(notYet.headers.get('retry-after'))).toBeGreaterThan(0);
  queue(late);

  const patient = messageTo(telegram, { trace_id: 'patient' });
  const queued = await resolve(contour.url, patient, ASYNC);
  const statusUrl = `/messages/${idOf(patient)}`;
  expect(queued.status).toBe(202);
  expect(queued.text).toBe(
    JSON.stringify({
      accepted: true,
      trace_id: 'patient',
      message_id: idOf(patient),
      status_url: statusUrl,
    }),
  );
  expect(queued.headers.get('location')).toBe(statusUrl);
  expect((await get(`${contour.url}${statusUrl}`)).json).toMatchObject({
    message_id: idOf(patient),
    trace_id: 'patient',
    state: 'queued',
  });
  expect((await get(`${contour.url}/messages/${idOf(late)}`)).json.state).toBe('queued');
  queue(patient);

  const waiting = messageTo(telegram);
  const waited = await resolve(contour.url, waiting, { prefer: 'respond-async, wait=9' });
  expect(waited.status).toBe(202);
  expect(waited.ms).toBeGreaterThan(WAIT_MS - 50);
  queue(waiting);

  const refused = await waitFor('a 503', async () => {
    const body = messageTo(telegram);
    const answer = await resolve(contour.url, body, ASYNC);
    if (answer.status === 202) queue(body);
    return answer.status === 503 && answer;
  });
  expect(refused.json).toMatchObject({ code: 'unavailable', accepted: false });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(accepted.length).toBeGreaterThanOrEqual(10);

  await contour.startWorker();
  await storyIn(contour, idOf(patient), 'delivered');
  await storyIn(contour, idOf(late), 'delivered');
  const repeated = await waitFor('a 200 again', async () => {
    const answer = await resolve(contour.url, late);
    return answer.status === 200 && answer;
  });
  expect(repeated.headers.get('idempotent-replayed')).toBe('true');
  await waitFor('a 200 within the wait', async () => {
    const body = messageTo(telegram);
    const answer = await resolve(contour.url, body, { prefer: 'respond-async, wait=9' });
    if (answer.status < 300) queue(body);
    return answer.status === 200;
  });
  const sent = new Set(accepted.map(({ messageId }) => messageId));
  expect(await contour.check({ accepted, sent })).toEqual([]);
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { messageTo } from '../support/messages.ts';
import { get, request, resolve } from '../support/send.ts';

const API_KEY = 'key-of-a-sender-0123456789';
const ADMIN_KEY = 'key-of-an-operator-0123456789';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const basic = (key: string) => ({
  authorization: `Basic ${Buffer.from(`anyone:${key}`).toString('base64')}`,
});

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({
    env: { API_KEYS: `sender:${API_KEY}`, ADMIN_KEYS: `operator:${ADMIN_KEY}` },
  });
});
afterAll(() => contour?.close());

describe('/resolve requires a key', () => {
  test.each([
    ['none', {}],
    ['a wrong one', bearer('wrong')],
    ['half of one', bearer(API_KEY.slice(0, -1))],
    ['an empty one', { authorization: 'Bearer ' }],
    ['one as a Basic password', basic(API_KEY)],
  ])('%s gets 401', async (_name, headers) => {
    const { telegram } = (await contour.addTenant()).accounts;
    const answer = await resolve(contour.url, messageTo(telegram), headers);
    expect(answer.status).toBe(401);
    expect(answer.json).toMatchObject({ code: 'unauthorized', accepted: false });
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  test.each([
    ["a sender's", API_KEY],
    ["an operator's", ADMIN_KEY],
  ])('%s gets 200', async (_name, key) => {
    const { telegram } = (await contour.addTenant()).accounts;
    const answer = await resolve(contour.url, messageTo(telegram), bearer(key));
    expect(answer.status).toBe(200);
    const story = await get(`${contour.url}/messages/${answer.json.message_id}`, bearer(key));
    expect(story.status).toBe(200);
  });
});

describe("the operators' endpoints require an admin key", () => {
  const ENDPOINTS: Array<[method: string, path: string]> = [
    ['GET', '/dlq'],
    ['GET', '/dlq/x'],
    ['POST', '/dlq/x/replay'],
    ['POST', '/dlq/replay'],
    ['DELETE', '/dlq?reason=invalid'],
    ['GET', '/messages?trace_id=x'],
    ['GET', '/admin/queues'],
    ['GET', '/admin/queues/api/queues'],
  ];
  test.each(ENDPOINTS)('%s %s', async (method, path) => {
    for (const headers of [{}, bearer(API_KEY), bearer('wrong')]) {
      expect((await request(method, `${contour.url}${path}`, { headers })).status).toBe(401);
    }
    const answer = await request(method, `${contour.url}${path}`, { headers: bearer(ADMIN_KEY) });
    expect(answer.status).not.toBe(401);
    expect(answer.status).toBeLessThan(500);
  });

  test('the board accepts it as a Basic password, too', async () => {
    const url = `${contour.url}/admin/queues`;
    expect((await get(url, basic(ADMIN_KEY))).status).toBe(200);
    expect((await get(url, basic(API_KEY))).status).toBe(401);
  });
});

test.each(['/health', '/livez', '/readyz'])('%s is open', async (path) => {
  expect((await get(`${contour.url}${path}`)).status).toBe(200);
});

test('no log contains a key', () => {
  const logs = [...contour.apis, ...contour.workers].map((one) => one.output()).join('');
  expect(logs).not.toContain(API_KEY);
  expect(logs).not.toContain(ADMIN_KEY);
});

import type { ResolveJob } from '@contour/contract';
import { expect, test } from 'vitest';
import { appBundle, seed } from './app-bundle.ts';

async function send(payload: string | Buffer, contentType = 'application/json') {
  const jobs: ResolveJob[] = [];
  const app = appBundle({ addJob: async (job) => void jobs.push(job) });
  const answer = await app.inject({
    method: 'POST',
    url: '/resolve',
    headers: { 'content-type': contentType, prefer: 'respond-async' },
    payload,
  });
  return { answer, jobs };
}

const without = (field: string) => JSON.stringify({ ...seed, [field]: undefined });
const withField = (field: string, value: unknown) => JSON.stringify({ ...seed, [field]: value });
const raw = (fields: string) => `${JSON.stringify(seed).slice(0, -1)},${fields}}`;

const unreadable: Array<[string, string | Buffer]> = [
  ['nothing', ''],
  ['half an object', '{"channel":'],
  ['a byte order mark', `\ufeff${JSON.stringify(seed)}`],
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  ['a number like 01', '{"a":01}'],
];

test.for(unreadable)('%s is 400 without errors', async ([, payload]) => {
  const { answer } = await send(payload);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toMatchObject({ status: 400, code: 'invalid', accepted: false });
  expect(answer.json()).not.toHaveProperty('errors');
  expect(answer.json().trace_id).toMatch(/./);
});

const faulty: Array<[string, string, string]> = [
  ['a list', '[]', ''],
  ['null', 'null', ''],
  ['a text', '"text"', ''],
  ['no channel', without('channel'), 'channel'],
  ['no credential', without('bot_token'), 'bot_token'],
  ['the field of another channel', withField('group_id', '5'), 'group_id'],
  ['no chat', without('external_chat_id'), 'external_chat_id'],
  ['no message ids', without('message_ids'), 'message_ids'],
  ['the 13th month', withField('timestamp', '2024-13-10T10:00:15'), 'timestamp'],
  ['U+0000 in the text', withField('text', 'a\0b'), 'text'],
  ['a lone surrogate in the media', raw('"media":{"a":"\\ud800"}'), 'media.a'],
  ['media over 64 KiB', withField('media', 'x'.repeat(70_000)), 'media'],
  ['media nested too deep', raw(`"media":${'['.repeat(5000)}${']'.repeat(5000)}`), 'media'],
];

test.for(faulty)('%s is 400 and names the path', async ([, payload, path]) => {
  const { answer, jobs } = await send(payload);
  expect(answer.json()).toMatchObject({ status: 400, code: 'invalid' });
  expect(answer.json().errors).toContainEqual({ path, message: expect.any(String) });
  expect(jobs).toEqual([]);
});

test('every fault is named at once, under the trace id of the body', async () => {
  const { answer } = await send(JSON.stringify({ trace_id: 'trace-7', channel: 'sms', text: 5 }));
  const { errors, trace_id: traceId } = answer.json();
  const paths = errors.map((fault: { path: string }) => fault.path);
  expect(paths).toEqual(
    expect.arrayContaining(['channel', 'external_chat_id', 'text', 'message_ids']),
  );
  expect(traceId).toBe('trace-7');
});

test('the detail begins with the first fault, and the first 200 characters say how many there are', async () => {
  const bad = { ...seed, timestamp: '2024-13-10T10:00:15', message_ids: [], trace_id: 'a b' };
  const { answer } = await send(JSON.stringify(bad));
  const fault = 'must be ISO 8601, or seconds or milliseconds since 1970';
  const detail = `timestamp: ${fault}; 1 of 3 faults`;
  expect(answer.json().detail).toBe(detail);
  expect(answer.body.slice(0, 200)).toContain(detail);
  const { answer: one } = await send(withField('text', 5));
  expect(one.json().detail).toBe('text: must be a string; 1 of 1 fault');
});

test('a time goes on as it came, and its instant is read in the default time zone', async () => {
  const jobs: ResolveJob[] = [];
  const app = appBundle({
    timezone: 'Europe/Moscow',
    addJob: async (job) => void jobs.push(job),
  });
  for (const timestamp of ['2024-12-10 13:00:15', 1_733_824_815]) {
    const headers = { prefer: 'respond-async' };
    const payload = { ...seed, timestamp };
    const answer = await app.inject({ method: 'POST', url: '/resolve', headers, payload });
    expect(answer.statusCode).toBe(202);
  }
  const writtenAtMs = Date.parse('2024-12-10T10:00:15Z');
  expect(jobs.map(({ message }) => message)).toMatchObject([
    { timestamp: '2024-12-10 13:00:15', writtenAtMs },
    { timestamp: 1_733_824_815, writtenAtMs },
  ]);
});

test.for([
  ['a charset', 'application/json; charset=utf-8', 202],
  ['a type of JSON', 'application/vnd.sender+json', 202],
  ['capitals', 'Application/JSON', 202],
  ['a text', 'text/plain', 415],
  ['a form', 'application/x-www-form-urlencoded', 415],
  ['something like JSON', 'application/jsonp', 415],
] as const)('a body sent as %s (%s) is %i', async ([, contentType, status]) => {
  const { answer } = await send(JSON.stringify(seed), contentType);
  expect(answer.statusCode).toBe(status);
});

test('more than 256 KiB is 413', async () => {
  const { answer } = await send(withField('extra', 'x'.repeat(256 * 1024)));
  expect(answer.json()).toMatchObject({ status: 413, code: 'too_large' });
});

test('no body at all is 400', async () => {
  const answer = await appBundle().inject({ method: 'POST', url: '/resolve' });
  expect(answer.json()).toMatchObject({ status: 400, code: 'invalid' });
});

test('of two equal keys the last counts, and a key named __proto__ is ignored', async () => {
  const { jobs } = await send(raw('"text":"last","__proto__":{"channel":"vk"}'));
  expect(jobs.map(({ message }) => [message.text, message.channel])).toEqual([
    ['last', 'telegram'],
  ]);
});

test('numbers in media and meta stay as they were written', async () => {
  const { jobs } = await send(
    raw('"media":{"a":12345678901234567890,"b":1.50},"meta":{"c":1e400}'),
  );
  expect(jobs.map(({ message }) => [message.media, message.meta])).toEqual([
    ['{"a":12345678901234567890,"b":1.50}', '{"c":1e400}'],
  ]);
});

test('a number as credential or chat is read as its decimal text', async () => {
  const { jobs } = await send(raw('"bot_token":77,"external_chat_id":-1001'));
  expect(jobs.map(({ message }) => message.externalChatId)).toEqual(['-1001']);
});

test('a tenant_id of the sender does not get in, and its credential gets no further', async () => {
  const { jobs } = await send(withField('tenant_id', 'mine'));
  const job = JSON.stringify(jobs);
  expect(job).not.toContain('mine');
  expect(job).not.toContain(seed.bot_token);
});

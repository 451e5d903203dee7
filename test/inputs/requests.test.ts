import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../support/send.ts';
import { type Inputs, startInputs } from './inputs.ts';
import { sendBytes } from './send-bytes.ts';
import { ACCEPTED, ACCEPTED_JSON, UNKNOWN } from './tables/accepted.ts';
import { FIELDS } from './tables/fields.ts';
import { RECORDED, recordedBody } from './tables/recorded.ts';
import { HEADERS, REQUESTS } from './tables/requests.ts';
import { CUT_SOCKETS, ODD_SOCKETS, SOCKETS } from './tables/sockets.ts';
import { NOT_JSON, ODD_JSON } from './tables/texts.ts';

let inputs: Inputs;
let rowsBefore: unknown;
beforeAll(async () => {
  inputs = await startInputs({ env: { DEFAULT_TIMEZONE: 'Europe/Moscow' } });
  rowsBefore = await inputs.rows();
});
afterAll(() => inputs?.contour.close());

const valid = () => JSON.stringify(inputs.message());

function isProblem({ status, headers, json, text }: Answer, expected: number, code: string) {
  expect(text).toContain(`"code":"${code}"`);
  expect(status).toBe(expected);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(json).toMatchObject({ status: expected, code, reason: code, accepted: false });
  for (const field of ['type', 'title', 'detail', 'trace_id']) expect(json).toHaveProperty(field);
}

const pathsOf = ({ json }: Answer): string[] =>
  [...new Set<string>(json.errors.map(({ path }: { path: string }) => path))].sort();

describe('an invalid message gets 400 and the path', () => {
  test.each(FIELDS)('%s', async (_what, fields, paths) => {
    const answer = await inputs.send({ body: inputs.message(fields) });
    isProblem(answer, 400, 'invalid');
    expect(pathsOf(answer)).toEqual(paths);
  });

  test.each(ODD_JSON)('%s', async (_what, spoil, paths) => {
    const answer = await inputs.send({ body: spoil(valid()) });
    isProblem(answer, 400, 'invalid');
    expect(pathsOf(answer)).toEqual(paths);
  });

  test('of 80 000 faults a thousand are reported', async () => {
    const ids = Array(80_000).fill({});
    const answer = await inputs.send({ body: inputs.message({ message_ids: ids }) });
    isProblem(answer, 400, 'invalid');
    expect(answer.json.errors).toHaveLength(1000);
    expect(answer.json.errors.at(-1).path).toBe('message_ids.999');
  });

  test('a key of 120 000 characters is reported by its beginning', async () => {
    const meta = { ['k'.repeat(120_000)]: Array(14_000).fill('\0') };
    const answer = await inputs.send({ body: inputs.message({ meta }) });
    isProblem(answer, 400, 'invalid');
    expect(answer.text.length).toBeLessThan(400_000);
    expect(pathsOf(answer)).toEqual([expect.stringMatching(/^meta\.k{200,300}$/)]);
  });
});

describe('invalid JSON gets 400 without a path', () => {
  test.each(NOT_JSON)('%s', async (_what, spoil) => {
    const answer = await inputs.send({ body: spoil(valid()) });
    isProblem(answer, 400, 'invalid');
    expect(answer.json).not.toHaveProperty('errors');
  });
});

describe('an invalid request gets its status', () => {
  test.each(REQUESTS)('%s', async (_what, odd, status, code) => {
    isProblem(await inputs.send({ body: valid(), ...odd }), status, code);
  });

  test.each(SOCKETS)('%s', async (_what, bytesOf, status) => {
    const bytes = Buffer.from(bytesOf(valid()), 'latin1');
    const answer = await sendBytes(inputs.contour.url, bytes);
    inputs.keep(answer);
    expect(answer.status).toBe(status);
  });

  test.each(CUT_SOCKETS)('%s, and then silence: 400 or none', async (_what, bytesOf) => {
    const bytes = Buffer.from(bytesOf(valid()), 'latin1');
    const answer = await sendBytes(inputs.contour.url, bytes, { ends: true });
    inputs.keep(answer);
    expect([400, null]).toContain(answer.status);
  });
});

test('none of them is stored or parked', async () => {
  expect(await inputs.rows()).toEqual(rowsBefore);
  expect(await inputs.contour.dlq()).toEqual([]);
});

describe('an unknown credential gets 404, and its message is parked', () => {
  test.each(UNKNOWN)('%s', async (_what, fields) => {
    isProblem(await inputs.send({ body: inputs.message(fields) }), 404, 'unknown_tenant');
  });

  test('each of them once, and nothing is stored', async () => {
    const letters = await inputs.contour.dlq();
    expect(letters.map(({ reason }) => reason)).toEqual(UNKNOWN.map(() => 'unknown_tenant'));
    expect(await inputs.rows()).toEqual(rowsBefore);
  });
});

describe('a value within its limit is accepted', () => {
  test.each(ACCEPTED)('%s', async (_what, fields) => {
    const answer = await inputs.send({ body: inputs.message(fields) });
    inputs.accept(answer);
    expect(answer.status).toBe(200);
  });

  test.each(ACCEPTED_JSON)('%s', async (_what, member) => {
    const answer = await inputs.send({ body: `${valid().slice(0, -1)},${member}}` });
    inputs.accept(answer);
    expect(answer.status).toBe(200);
  });

  test('a credential that is a number', async () => {
    const { vk } = (await inputs.contour.addTenant()).accounts;
    const body = { ...inputs.message(), channel: 'vk', bot_token: null };
    const answer = await inputs.send({ body: { ...body, group_id: Number(vk.credential) } });
    inputs.accept(answer);
    expect(answer.status).toBe(200);
  });
});

describe('a request as existing senders send it gets 200', () => {
  test.each(RECORDED)('%s (%s)', async (_what, channel, fields, writtenAt) => {
    const body = recordedBody((await inputs.contour.addTenant()).accounts[channel], fields);
    const answer = await inputs.send({ body });
    inputs.accept(answer);
    expect(answer.status).toBe(200);

    const { rows } = await inputs.contour.database.pool.query(
      `select payload -> 'timestamp' as timestamp, payload -> 'media' as media,
              (extract(epoch from written_at) * 1000)::float8 as "writtenAtMs",
              (extract(epoch from received_at) * 1000)::float8 as "receivedAtMs"
         from messages where id = $1`,
      [answer.json.message_id],
    );
    const { receivedAtMs } = rows[0];
    expect(rows[0]).toMatchObject({
      timestamp: body.timestamp ?? new Date(receivedAtMs).toISOString(),
      writtenAtMs: writtenAt === undefined ? receivedAtMs : Date.parse(writtenAt),
    });
    const media = JSON.stringify(fields.media ?? null).replaceAll('{token}', '{credential}');
    expect(rows[0].media).toEqual(JSON.parse(media));
  });
});

describe('unusual headers and framing of a valid message do not matter', () => {
  test.each(HEADERS)('%s', async (_what, headers, status) => {
    const answer = await inputs.send({ body: valid(), headers });
    inputs.accept(answer);
    expect(answer.status).toBe(status);
  });

  test.each(ODD_SOCKETS)('%s', async (_what, bytesOf) => {
    const bytes = Buffer.from(bytesOf(valid()), 'latin1');
    const answer = await sendBytes(inputs.contour.url, bytes);
    inputs.keep(answer);
    const messageId = /"message_id":"([0-9a-f-]{36})"/.exec(answer.text)?.[1];
    expect(messageId, answer.text).toBeDefined();
    inputs.accepted.push({ messageId: messageId ?? '', answer: null });
  });
});

test('only accepted messages are at Core, and the service is healthy', async () => {
  expect(await inputs.check()).toEqual([]);
});

import { Queue } from 'bullmq';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { diceOf } from '../support/dice.ts';
import { withRedis } from '../support/redis-client.ts';
import { get } from '../support/send.ts';
import { STREAM_SHARDS } from '../support/streams.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectedPayload } from './arbitrary/expected-payload.ts';
import {
  anyText,
  canonical,
  quoted,
  replaced,
  rewritten,
  shuffled,
  written,
} from './arbitrary/json.ts';
import { anyMessage, asJson, type Fields, identityOf } from './arbitrary/message.ts';
import {
  allSpoilt,
  anyHeaders,
  anyJsonNonsense,
  anyNonsense,
  anyPath,
  anySpoils,
  nonsenseFrom,
} from './arbitrary/nonsense.ts';
import { holds } from './holds.ts';
import { type Inputs, startInputs } from './inputs.ts';
import { sendBytes } from './send-bytes.ts';

let inputs: Inputs;
let queue: Queue;
beforeAll(async () => {
  inputs = await startInputs();
  queue = new Queue('resolve', { connection: { url: inputs.contour.redis.url } });
});
afterAll(async () => {
  await queue?.close();
  await inputs?.contour.close();
});

const valid = (): Fields => ({ ...identityOf(inputs.message()), text: quoted('Hello') });

async function storedPayload(messageId: string): Promise<string> {
  const { rows } = await inputs.contour.database.pool.query<{ payload: string }>(
    'select payload::text as payload from messages where id = $1',
    [messageId],
  );
  return rows[0]?.payload ?? '';
}

/** The answer is not a 5xx and contains no credential, and a refused input has stored nothing. */
async function isHandled({ status, text }: { status: number | null; text: string }) {
  expect(status ?? 400, text).toBeLessThan(500);
  expect(text).not.toContain(inputs.telegram.credential);
  // Only at the beginning of an answer: the page of the reference contains examples of it.
  const messageId = /^\{"accepted":true.*"message_id":"([0-9a-f-]{36})"/m.exec(text)?.[1];
  if (messageId !== undefined) inputs.accepted.push({ messageId, answer: null });
  expect((await inputs.rows()).messages).toBe(inputs.accepted.length);
}

describe('no input gets a 5xx, hangs, reveals a credential, or is stored when it is refused', () => {
  test('in the place of a message', () =>
    holds(anyNonsense, 50, async (nonsense) => {
      await isHandled(await inputs.send({ body: nonsenseFrom(nonsense, valid()) }));
    }));

  test('in headers', () =>
    holds(fc.tuple(anyHeaders, fc.boolean()), 25, async ([headers, isWhole]) => {
      const body = written(asJson(valid()));
      await isHandled(await inputs.send({ headers, body: isWhole ? body : '{' }));
    }));

  test('in methods, paths and queries', () =>
    holds(
      fc.tuple(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'), anyPath),
      25,
      async ([method, path]) => {
        await isHandled(await inputs.send({ method, path, body: '' }));
      },
    ));

  test('in the bytes of a request', () =>
    holds(anySpoils, 25, async (spoils) => {
      // An invalid message: a sender that hangs up early would not learn that a valid one was accepted.
      const body = Buffer.from(written(asJson({ ...valid(), text: '5' })));
      const head = [
        'POST /resolve HTTP/1.1',
        'Host: contour',
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        'Connection: close',
      ];
      const bytes = allSpoilt(
        Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]),
        spoils,
      );
      const answer = await sendBytes(inputs.contour.url, bytes, { ends: true });
      inputs.keep(answer);
      await isHandled(answer);
    }));
});

describe('every entry and job ends: as a row, or in the dead-letter queue', () => {
  async function endings(): Promise<number> {
    const { json } = await get(`${inputs.contour.url}/dlq?limit=1`);
    return json.count + (await inputs.rows()).messages;
  }

  const allEnd = async (count: number, add: () => Promise<unknown>) => {
    const before = await endings();
    await add();
    await waitFor('all to end', async () => (await endings()) >= before + count);
    expect(await endings()).toBe(before + count);
    const { rows } = await inputs.contour.database.pool.query<{ id: string }>(
      'select id from messages where not id = any ($1)',
      [inputs.accepted.map(({ messageId }) => messageId)],
    );
    inputs.accepted.push(...rows.map(({ id }) => ({ messageId: id, answer: null })));
  };

  test('in a stream', () =>
    holds(fc.array(anyNonsense, { minLength: 1, maxLength: 20 }), 8, (entries) =>
      allEnd(entries.length, () =>
        withRedis(inputs.contour.redis.url, (redis) =>
          Promise.all(
            entries.map((nonsense, index) =>
              redis(
                ...['XADD', `contour:resolve:${index % STREAM_SHARDS}`, '*', 'message'],
                nonsenseFrom(nonsense, valid()),
              ),
            ),
          ),
        ),
      ),
    ));

  test('as a job', () =>
    holds(fc.array(anyJsonNonsense, { minLength: 1, maxLength: 20 }), 8, (jobs) =>
      allEnd(jobs.length, () =>
        queue.addBulk(
          jobs.map((nonsense) => ({
            name: 'resolve',
            data: JSON.parse(nonsenseFrom(nonsense, valid()).toString()),
          })),
        ),
      ),
    ));
});

const withToken = (fields: Fields) =>
  replaced(asJson(fields), '{token}', inputs.telegram.credential);

/** A seed for another spelling of the same message. */
const anySpelling = fc.nat();

test('an accepted message is stored as it was sent, to the letter and to the digit', () =>
  holds(
    fc.tuple(anyMessage({ equalKeys: true }), anyText(200), anySpelling),
    25,
    async ([fields, chat, spelling]) => {
      const dice = diceOf(spelling, 'spelling');
      const sent = { ...fields, ...identityOf(inputs.message(), chat, ['\u2028', '😀']) };
      const answer = await inputs.send({
        body: rewritten(withToken(sent), dice, { withOrder: true }),
      });
      inputs.accept(answer);
      expect(answer.status).toBe(200);
      const payload = await storedPayload(answer.json.message_id);
      expect(canonical(payload)).toBe(canonical(expectedPayload(sent, JSON.parse(payload))));
    },
  ));

test('another spelling of a message is a duplicate, and another content under its ids is refused', () =>
  holds(fc.tuple(anyMessage({ equalKeys: false }), anySpelling), 15, async ([fields, spelling]) => {
    const dice = diceOf(spelling, 'spelling');
    const sent = { ...fields, ...identityOf(inputs.message(), '', ['7', 'b']) };
    const first = await inputs.send({ body: written(withToken(sent)) });
    inputs.accept(first);

    const ids = (sent.message_ids as { list: string[] }).list;
    const same = {
      ...sent,
      message_ids: { list: shuffled([...ids, ...ids, '7'], dice) },
      client_name: quoted('Another name'),
      trace_id: quoted('another'),
      timestamp: quoted('2024-12-10T10:00:15Z'),
    };
    const again = await inputs.send({ body: rewritten(withToken(same), dice) });
    expect([again.status, again.text]).toEqual([200, first.text]);
    expect(again.headers.get('idempotent-replayed')).toBe('true');

    const { text, media } = sent as Fields;
    const other = dice.chance(0.5)
      ? { ...sent, media: { list: [media ?? '1'] } }
      : {
          ...sent,
          text: quoted(`${text === undefined ? '' : (JSON.parse(written(text)) ?? '')}x`),
        };
    const refused = await inputs.send({ body: rewritten(withToken(other), dice) });
    expect(refused.json).toMatchObject({ status: 409, code: 'message_conflict' });
    expect((await inputs.rows()).messages).toBe(inputs.accepted.length);
  }));

test('all messages are at Core as they were stored, and no credential is found', async () => {
  expect(await inputs.check()).toEqual([]);
});

import { expect } from 'vitest';
import { checkCredentials } from '../support/checker/check-credentials.ts';
import type { Violation } from '../support/checker/violation.ts';
import { type Contour, type ContourOptions, startContour } from '../support/contour.ts';
import { type Body, messageTo } from '../support/messages.ts';
import { rewriteAof } from '../support/redis-client.ts';
import { type Accepted, type Answer, get, request } from '../support/send.ts';
import { areStreamsEmpty } from '../support/streams.ts';
import type { TestAccount } from '../support/tenants.ts';

/** A later answer counts as a hang. */
const AN_ANSWER_MS = 8_000;
const TABLES = ['tenants', 'channel_accounts', 'clients', 'client_channels', 'dialogs', 'messages'];

type Rows = Record<'messages' | 'clients' | 'dialogs', number>;

interface Sent {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  /** No body if it is empty. */
  body?: unknown;
}

/** A system that gets invalid inputs, and its answers. */
export interface Inputs {
  contour: Contour;
  telegram: TestAccount;
  /** A valid message of Telegram with these fields changed. */
  message(fields?: Body): Body;
  /** A text of the tables, with the account of this test filled in. */
  filled(text: string): string;
  filled(value: string | Buffer): string | Buffer;
  /** Default: POST /resolve. The answer is kept, and must come in time. */
  send(sent: Sent): Promise<Answer>;
  /** Keeps an answer of another request. */
  keep(answer: { text: string; ms: number }): void;
  /** Records the message of a 200 or a 202. */
  accept(answer: Answer): void;
  accepted: Accepted[];
  /** How many rows the tables have. */
  rows(): Promise<Rows>;
  /** Whether all entries have been handled. */
  streamsAreEmpty(): Promise<boolean>;
  /** The violations that the checker finds, with credentials in answers. The service must be healthy. */
  check(): Promise<Violation[]>;
}

export async function startInputs(options: ContourOptions = {}): Promise<Inputs> {
  const contour = await startContour(options);
  const { pool } = contour.database;
  const { telegram } = (await contour.addTenant()).accounts;
  const answers: string[] = [];
  const accepted: Accepted[] = [];

  function filled(value: string): string;
  function filled(value: string | Buffer): string | Buffer;
  function filled(value: string | Buffer) {
    if (Buffer.isBuffer(value)) return value;
    return value
      .replaceAll('{token}', telegram.credential)
      .replaceAll('{fingerprint}', telegram.fingerprint);
  }

  function keep({ text, ms }: { text: string; ms: number }) {
    answers.push(text);
    expect(ms).toBeLessThan(AN_ANSWER_MS);
  }

  const isRaw = (body: unknown) => typeof body === 'string' || Buffer.isBuffer(body);

  return {
    contour,
    telegram,
    accepted,
    filled,
    keep,
    message: (fields) => messageTo(telegram, fields),
    async send({ method = 'POST', path = '/resolve', headers = {}, body }) {
      const entries = Object.entries(headers).map(([name, value]) => [name, filled(value)]);
      const answer = await request(method, contour.url + filled(path), {
        headers: Object.fromEntries(entries),
        ...(body === '' ? {} : { body: filled(isRaw(body) ? body : JSON.stringify(body)) }),
      });
      keep(answer);
      answers.push(JSON.stringify([...answer.headers]));
      return answer;
    },
    accept(answer) {
      const { text, status, json } = answer;
      expect(text).toContain('"accepted":true');
      accepted.push({ messageId: json.message_id, answer: status === 200 ? text : null });
    },
    async rows() {
      const counts = TABLES.map((table) => `(select count(*)::int from ${table}) as ${table}`);
      const { rows } = await pool.query<Rows>(`select ${counts.join(', ')}`);
      if (rows[0] === undefined) throw new Error('nothing was counted');
      return rows[0];
    },
    streamsAreEmpty: () => areStreamsEmpty(contour.redis.url),
    async check() {
      const health = await get(`${contour.url}/health`);
      expect(health.json).toMatchObject({ status: 'ok', workers: contour.workers.length });
      // The entries of producers stay in the file until then.
      await rewriteAof(contour.redis.url);
      const sent = new Set(accepted.map(({ messageId }) => messageId));
      return [
        ...(await contour.check({ accepted, sent })),
        ...(await checkCredentials(pool, [['an answer', answers.join('\n')]])),
      ];
    },
  };
}

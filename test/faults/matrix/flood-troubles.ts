import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Contour } from '../../support/contour.ts';
import { messagesOf } from '../../support/messages.ts';
import { type Accepted, resolve } from '../../support/send.ts';
import { NOTHING_SENT, type Trouble } from './trouble.ts';

/** One account sends many messages at once and does not wait until they are resolved. */
export async function flood(
  contour: Contour,
  { burst, senders = 8, everyMs }: { burst: number; senders?: number; everyMs?: number },
): Promise<Trouble> {
  const { telegram } = (await contour.addTenant()).accounts;
  const accepted: Accepted[] = [];
  const sendBurst = async () => {
    const bodies = messagesOf(telegram, { count: burst, chats: 300 });
    const sender = async () => {
      for (const body of bodies) {
        const answer = await resolve(contour.url, body, { prefer: 'respond-async' });
        // Past its bound the account gets 429, and the sender drops the message.
        expect([202, 429]).toContain(answer.status);
        if (answer.status === 202) {
          accepted.push({ messageId: answer.json.message_id, answer: null });
        }
      }
    };
    await Promise.all(Array.from({ length: senders }, sender));
  };
  await sendBurst();
  const stopping = new AbortController();
  const again = async () => {
    while (everyMs !== undefined && !stopping.signal.aborted) {
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (!stopping.signal.aborted) await sendBurst();
    }
  };
  const bursts = again();
  bursts.catch(() => undefined);
  return {
    async end() {
      stopping.abort();
      await bursts;
      return { accepted, sent: new Set(accepted.map(({ messageId }) => messageId)) };
    },
  };
}

/** Requests of a quarter of a megabyte, each with another credential that no tenant has. */
export async function makeUpCredentials(contour: Contour, count: number): Promise<Trouble> {
  const large = { text: 'x'.repeat(50_000), meta: { rest: 'y'.repeat(180_000) } };
  const post = async (n: number) => {
    const answer = await resolve(contour.url, {
      channel: 'telegram',
      bot_token: `made-up-${n}-${'0'.repeat(20)}`,
      external_chat_id: 'chat',
      message_ids: ['1'],
      ...large,
    });
    expect(answer.status).toBe(404);
  };
  const numbers = Array.from({ length: count }, (_, n) => n).values();
  const sender = async () => {
    for (const n of numbers) await post(n);
  };
  await Promise.all(Array.from({ length: 10 }, sender));
  return { end: async () => NOTHING_SENT };
}

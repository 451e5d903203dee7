import { setTimeout as delay } from 'node:timers/promises';
import { createProducer, type Message, ProducerError } from '@contour/producer';
import { withRedis } from '../../support/redis-client.ts';
import { streamOf } from '../../support/streams.ts';
import type { Book } from '../book.ts';
import type { Journal } from '../journal.ts';
import type { Letter } from './letter.ts';

const PAUSE_MS = 300;
const GIVE_UP_MS = 180_000;

/** Another service that writes to Redis itself: what Redis has taken is accepted. */
export function openDirect(redisUrl: string, book: Book, journal: Journal) {
  const producer = createProducer({ redisUrl });

  async function put(letter: Letter, how: 'stream' | 'enqueue'): Promise<void> {
    const giveUpAt = Date.now() + GIVE_UP_MS;
    while (Date.now() < giveUpAt) {
      try {
        await producer[how](letter.body as unknown as Message);
        if (letter.repeats !== 'conflict') book.noteAccepted(letter, null);
        return;
      } catch (error) {
        if (!(error instanceof ProducerError)) throw error;
      }
      await delay(PAUSE_MS);
    }
    journal.find('no_answer', `message ${letter.id} could not be added to Redis`);
  }

  return {
    put,
    /** An unreadable entry. It may be lost in an outage: it is not repeated. */
    putGarbage: (letter: Letter) =>
      withRedis(redisUrl, (redis) =>
        redis(
          'XADD',
          streamOf(letter.body),
          '*',
          'message',
          `{"channel":"telegram","n":${letter.id}`,
        ),
      ).catch(() => undefined),
    close: () => producer.close(),
  };
}

export type Direct = ReturnType<typeof openDirect>;

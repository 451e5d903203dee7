import { setTimeout as pause } from 'node:timers/promises';
import { ProducerError } from './producer-error.ts';

const MAX_BATCH = 100;
const RETRY_AFTER_MS = 50;

interface Letter<Item> {
  item: Item;
  accept(id: string): void;
  refuse(error: ProducerError): void;
  timer: NodeJS.Timeout;
}

/** Keeps messages in order until Redis has them, each for a bounded time. */
export interface Outbox<Item> {
  /** Resolves with the id under which Redis has the item; otherwise a ProducerError, in time. */
  put(item: Item): Promise<string>;
  /** Sends what waits; called when Redis has come back. */
  flush(): void;
  /** Items that have not been answered yet. */
  size(): number;
  /** Refuses what waits, and lets what is on its way be answered. */
  close(): Promise<void>;
}

export interface OutboxOptions<Item> {
  timeoutMs: number;
  /** How many may be unanswered, in all outboxes that share `isFull`. */
  maxBuffered: number;
  isFull(): boolean;
  isConnected(): boolean;
  /** What is wrong with the connection, as far as it is known. */
  whyAway(): Error | undefined;
  /** Ends in time, with an id or a reason for each item, in order; or fails as a whole. */
  send(items: Item[]): Promise<Array<string | Error>>;
}

// Redis' own errors carry the command, and with it the message: only their text goes on.
const textOnly = (error: unknown) => new Error(error instanceof Error ? error.message : 'unknown');

/**
 * One batch is on its way at a time, and what was not taken goes back to the front: nothing that
 * came later can overtake it. While a batch is on its way arrivals gather for the next.
 */
export function createOutbox<Item>(o: OutboxOptions<Item>): Outbox<Item> {
  const open = new Set<Letter<Item>>();
  let waiting: Letter<Item>[] = [];
  let sending: Promise<void> | undefined;
  let lastError: Error | undefined;
  let closed = false;

  function settle(letter: Letter<Item>, answer: string | ProducerError) {
    if (!open.delete(letter)) return;
    clearTimeout(letter.timer);
    if (typeof answer === 'string') letter.accept(answer);
    else letter.refuse(answer);
  }

  function expire(letter: Letter<Item>) {
    waiting = waiting.filter((other) => other !== letter);
    settle(letter, unavailableError(o.timeoutMs, o.whyAway() ?? lastError));
  }

  async function attempt(batch: Letter<Item>[]): Promise<Array<string | Error>> {
    try {
      return await o.send(batch.map(({ item }) => item));
    } catch (error) {
      return batch.map(() => textOnly(error));
    }
  }

  async function sendWaiting() {
    while (waiting.length > 0 && o.isConnected()) {
      const batch = waiting.splice(0, MAX_BATCH);
      const answers = await attempt(batch);
      const refused = batch.filter((letter, index) => {
        const answer = answers[index];
        if (typeof answer !== 'string') lastError = textOnly(answer);
        else settle(letter, answer);
        return open.has(letter);
      });
      if (closed) for (const letter of refused) settle(letter, closedError());
      waiting.unshift(...refused.filter((letter) => open.has(letter)));
      if (refused.length > 0) await pause(RETRY_AFTER_MS);
    }
  }

  function flush() {
    sending ??= sendWaiting().finally(() => {
      sending = undefined;
      if (waiting.length > 0 && o.isConnected()) flush();
    });
  }

  return {
    put: (item) =>
      new Promise((accept, refuse) => {
        if (closed) throw closedError();
        if (o.isFull()) throw fullError(o.maxBuffered, o.whyAway());
        const timer = setTimeout(() => expire(letter), o.timeoutMs);
        const letter: Letter<Item> = { item, accept, refuse, timer };
        open.add(letter);
        waiting.push(letter);
        flush();
      }),
    flush,
    size: () => open.size,
    close: async () => {
      closed = true;
      for (const letter of waiting.splice(0)) settle(letter, closedError());
      await sending;
    },
  };
}

const unavailableError = (timeoutMs: number, cause: Error | undefined) =>
  new ProducerError(
    'redis_unavailable',
    `Redis did not accept the message within ${timeoutMs} ms: send it again, it counts once`,
    cause,
  );

const fullError = (maxBuffered: number, cause: Error | undefined) =>
  new ProducerError(
    'buffer_full',
    `${maxBuffered} messages wait for Redis' answer already: send this one again when some have theirs`,
    cause,
  );

const closedError = () =>
  new ProducerError(
    'closed',
    'the producer was closed before Redis accepted the message: send it again with another, it counts once',
  );

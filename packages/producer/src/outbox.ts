import { setTimeout as pause } from 'node:timers/promises';
import { ProducerError } from './producer-error.ts';

const MAX_BATCH = 100;
const RETRY_AFTER_MS = 50;

interface Pending<Item> {
  item: Item;
  accept(id: string): void;
  refuse(error: ProducerError): void;
  timer: NodeJS.Timeout;
}

interface OutboxOptions<Item> {
  timeoutMs: number;
  /** How many may be unanswered, in all outboxes that share `isFull`. */
  maxBuffered: number;
  isFull(): boolean;
  isConnected(): boolean;
  /** The last error of the connection. */
  whyAway(): Error | undefined;
  /** Returns an id or an error for each item, in order, or rejects as a whole. Ends in bounded time. */
  send(items: Item[]): Promise<Array<string | Error>>;
}

// Redis' own errors contain the command, and with it the message, so only their text is used.
const textOnly = (error: unknown) => new Error(error instanceof Error ? error.message : 'unknown');

/**
 * Keeps messages in order until Redis has them, each for a bounded time. Sends one batch at a time, while arrivals gather
 * for the next. Items that Redis did not accept go back to the front, so that later ones cannot overtake them.
 */
export function createOutbox<Item>(o: OutboxOptions<Item>) {
  const open = new Set<Pending<Item>>();
  let waiting: Pending<Item>[] = [];
  let sending: Promise<void> | undefined;
  let lastError: Error | undefined;
  let closed = false;

  function settle(pending: Pending<Item>, answer: string | ProducerError) {
    if (!open.delete(pending)) return;
    clearTimeout(pending.timer);
    if (typeof answer === 'string') pending.accept(answer);
    else pending.refuse(answer);
  }

  function expire(pending: Pending<Item>) {
    waiting = waiting.filter((other) => other !== pending);
    settle(pending, unavailableError(o.timeoutMs, o.whyAway() ?? lastError));
  }

  async function sendWaiting() {
    while (waiting.length > 0 && o.isConnected()) {
      const batch = waiting.splice(0, MAX_BATCH);
      const answers = await o
        .send(batch.map(({ item }) => item))
        .catch((error: unknown) => batch.map(() => error));
      for (const [index, pending] of batch.entries()) {
        const answer = answers[index];
        if (typeof answer === 'string') settle(pending, answer);
        else lastError = textOnly(answer);
        if (closed) settle(pending, closedError());
      }
      const refused = batch.filter((pending) => open.has(pending));
      waiting.unshift(...refused);
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
    /** Resolves with the item's id in Redis, or rejects with a ProducerError, within timeoutMs. */
    put: (item: Item): Promise<string> =>
      new Promise((accept, refuse) => {
        if (closed) throw closedError();
        if (o.isFull()) throw fullError(o.maxBuffered, o.whyAway());
        const timer = setTimeout(() => expire(pending), o.timeoutMs);
        const pending: Pending<Item> = { item, accept, refuse, timer };
        open.add(pending);
        waiting.push(pending);
        flush();
      }),
    /** Sends the waiting items; called when Redis is back. */
    flush,
    /** Items that have not been answered yet. */
    size: () => open.size,
    /** Refuses the waiting items, and waits for the answers to those under way. */
    close: async () => {
      closed = true;
      for (const pending of waiting.splice(0)) settle(pending, closedError());
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
    `${maxBuffered} messages already wait for an answer of Redis: send this one again later`,
    cause,
  );

const closedError = () =>
  new ProducerError(
    'closed',
    'the producer was closed before Redis accepted the message: send it again with another producer, it counts once',
  );

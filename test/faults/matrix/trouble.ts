import { setTimeout as delay } from 'node:timers/promises';
import type { Contour } from '../../support/contour.ts';
import { type Body, idOf, messagesOf } from '../../support/messages.ts';
import { withRedis } from '../../support/redis-client.ts';
import { type Accepted, startLoad } from '../../support/send.ts';
import { streamOf, withFingerprint } from '../../support/streams.ts';
import type { TestTenant } from '../../support/tenants.ts';

interface TroubleLoad {
  accepted: Accepted[];
  sent: ReadonlySet<string>;
}

/** A trouble that has begun. `end` resolves with the messages of its tenants when all of them are accepted. */
export interface Trouble {
  end(): Promise<TroubleLoad>;
}

export const NOTHING_SENT: TroubleLoad = { accepted: [], sent: new Set() };

export const together = (loads: readonly TroubleLoad[]): TroubleLoad => ({
  accepted: loads.flatMap(({ accepted }) => accepted),
  sent: new Set(loads.flatMap(({ sent }) => [...sent])),
});

/** Longer than any trouble lasts. */
const SENDING_MS = 30 * 60_000;

/** Sends messages over HTTP, and repeats them until they are accepted, until `stop` is called. */
export function keepSending(contour: Contour, bodies: () => Body, perSecond: number) {
  let isStopped = false;
  function* untilStopped() {
    while (!isStopped) yield bodies();
  }
  const senders = 4;
  const paceMs = (senders * 1000) / perSecond;
  const messages = untilStopped();
  const load = startLoad({
    ...{ urls: contour.urls, messages, concurrency: senders, paceMs, deadlineMs: SENDING_MS },
  });
  return {
    load,
    stop() {
      isStopped = true;
      return load.done;
    },
  };
}

/** Adds messages to a stream until `stop` is called. A stream gives no answer: added counts as accepted. */
export function keepAdding(
  contour: Contour,
  tenant: TestTenant,
  bodies: () => Body,
  perSecond: number,
) {
  const load: TroubleLoad & { sent: Set<string> } = { accepted: [], sent: new Set() };
  let isStopped = false;
  const adding = withRedis(contour.redis.url, async (redis) => {
    while (!isStopped) {
      const body = bodies();
      const entry = JSON.stringify(withFingerprint(body, tenant.accounts.telegram));
      load.sent.add(idOf(body));
      await redis('XADD', streamOf(body), '*', 'message', entry);
      load.accepted.push({ messageId: idOf(body), answer: null });
      await delay(1000 / perSecond);
    }
  });
  adding.catch(() => undefined);
  return {
    load,
    async stop() {
      isStopped = true;
      await adding;
      return load;
    },
  };
}

/** An endless source of messages, of each chat in turn. */
export function chatsOf({ accounts }: TestTenant, chats: number): () => Body {
  const endless = messagesOf(accounts.telegram, { count: Infinity, chats });
  return () => endless.next().value as Body;
}

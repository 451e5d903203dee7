import { expect } from 'vitest';
import type { Contour } from './contour.ts';
import { idOf } from './messages.ts';
import { type Ran, runContour } from './run-contour.ts';
import { resolve } from './send.ts';
import { storyIn } from './story.ts';

export const CREDENTIAL = 'a-credential-that-nobody-registered';

/** Runs a command against a system, with its settings and nothing else. */
export function operate(
  { database, redis, core }: Contour,
  args: readonly string[],
  input = '',
): Promise<Ran> {
  const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, CORE_URL: core.url };
  return runContour(args, env, input);
}

/**
 * The story that the operator's commands are there for: an account that nobody has registered is written
 * to, found, registered, and what it had sent is delivered without any further step. `type` runs a
 * command, and `tell` says what comes next.
 */
export async function tellOfUnknownAccount(
  contour: Contour,
  type: (args: string[], input?: string) => Promise<string>,
  tell: (text: string) => void = () => {},
) {
  tell(
    'A client writes to an account that nobody has registered. The sender gets a 404, and the message is parked:',
  );
  const body = {
    ...{ channel: 'telegram', bot_token: CREDENTIAL, external_chat_id: '123456789' },
    ...{ client_name: 'Ivan Petrov', text: 'Hello', message_ids: ['msg_1'] },
  };
  const id = idOf(body);
  const refused = await resolve(contour.url, body);
  expect(refused).toMatchObject({ status: 404, json: { code: 'unknown_tenant' } });
  const parked = await type(['dlq', 'list']);
  await type(['dlq', 'show', id]);
  tell('The account is registered, and the message goes on by itself:');
  await type(['tenant', 'add', 'A shop', '--domain', '7']);
  await type(['channel', 'add', 'A shop', 'telegram', '--stdin'], CREDENTIAL);
  await storyIn(contour, id, 'delivered', 30_000);
  const story = await type(['message', 'show', id]);
  const left = await type(['dlq', 'list']);
  return { id, parked, story, left };
}

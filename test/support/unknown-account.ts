import { expect } from 'vitest';
import type { Contour } from './contour.ts';
import { idOf } from './messages.ts';
import { type Ran, runContour } from './run-contour.ts';
import { resolve } from './send.ts';
import { storyIn } from './story.ts';

export const CREDENTIAL = 'a-credential-that-is-not-registered';

/** Runs a command with the settings of a system and no others. */
export function operate(
  { database, redis, core }: Contour,
  args: readonly string[],
  input = '',
): Promise<Ran> {
  const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, CORE_URL: core.url };
  return runContour(args, env, input);
}

/**
 * What operators do most: a message comes for an account that is not registered, they find it in the
 * dead-letter queue and register the account, and the message is delivered. `type` runs a command, `tell`
 * announces the next step.
 */
export async function tellOfUnknownAccount(
  contour: Contour,
  type: (args: string[], input?: string) => Promise<string>,
  tell: (text: string) => void = () => {},
) {
  tell(
    'A client writes to an account that is not registered. The sender gets a 404, and the message is parked:',
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
  tell('The account is registered, and the message is delivered:');
  await type(['tenant', 'add', 'A shop', '--domain', '7']);
  await type(['channel', 'add', 'A shop', 'telegram', '--stdin'], CREDENTIAL);
  await storyIn(contour, id, 'delivered', 30_000);
  const story = await type(['message', 'show', id]);
  const left = await type(['dlq', 'list']);
  return { id, parked, story, left };
}

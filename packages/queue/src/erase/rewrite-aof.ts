import type { FailFastRedis } from '../connection.ts';
import { parseInfo } from '../redis-facts.ts';

const DEADLINE_MS = 30_000;
const LOOK_MS = 100;

/** Has the append-only file written anew, without what was removed, and waits for it. */
export async function rewriteAof({
  client,
  ask,
}: FailFastRedis): Promise<'rewritten' | 'off' | 'refused' | 'not yet'> {
  const facts = async () => parseInfo(await ask(() => client.info('persistence')));
  if ((await facts()).get('aof_enabled') !== '1') return 'off';
  const isAllowed = await ask(() =>
    client.bgrewriteaof().then(
      () => true,
      () => false,
    ),
  );
  if (!isAllowed) return 'refused';
  for (const until = Date.now() + DEADLINE_MS; Date.now() < until; ) {
    const is = await facts();
    const isBusy = ['aof_rewrite_in_progress', 'aof_rewrite_scheduled'].some(
      (name) => is.get(name) !== '0',
    );
    if (!isBusy) return 'rewritten';
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return 'not yet';
}

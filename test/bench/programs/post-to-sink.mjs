import { Pool } from 'undici';
import { settings } from './with-parent.mjs';

/** Posts to the sink over this many connections. */
export function createPost(connections) {
  const sink = new Pool(settings.sinkUrl, { connections });
  return async function post(key, text) {
    const { body } = await sink.request({
      method: 'POST',
      path: '/core',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: text,
    });
    await body.dump();
  };
}

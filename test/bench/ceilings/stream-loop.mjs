// The cost of a stream alone: read by a group, and acknowledged.
import { Redis } from 'ioredis';
import { settings, withParent } from '../programs/with-parent.mjs';

const redis = new Redis(settings.redisUrl);
const { stream } = settings;
await redis.xgroup('CREATE', stream, 'bench', '0', 'MKSTREAM');

async function loop() {
  for (;;) {
    const args = ['GROUP', 'bench', 'reader', 'COUNT', 256, 'BLOCK', 1000, 'STREAMS', stream, '>'];
    const read = await redis.xreadgroup(...args);
    const ids = (read?.[0]?.[1] ?? []).map(([id]) => id);
    if (ids.length > 0)
      await redis
        .multi()
        .xack(stream, 'bench', ...ids)
        .xdel(stream, ...ids)
        .exec();
  }
}
void loop();
withParent();

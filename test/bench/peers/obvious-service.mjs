// A service as written in an afternoon: three queries for a request, and a POST whose end is not awaited.
import { checkIncoming } from '@contour/contract';
import Fastify from 'fastify';
import pg from 'pg';
import { createPost } from '../programs/post-to-sink.mjs';
import { settings, withParent } from '../programs/with-parent.mjs';
import { enrich } from './three-lookups.mjs';

const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 10 });
const post = createPost(100);
const app = Fastify();

app.post('/resolve', async (request, reply) => {
  const checked = checkIncoming(request.body);
  if (!checked.ok) return reply.code(400).send({ code: 'invalid' });
  const enriched = await enrich(pool, checked.message);
  if (enriched === undefined) return reply.code(404).send({ code: 'unknown_tenant' });
  post(enriched.messageId, JSON.stringify(enriched)).catch(() => undefined);
  return {
    accepted: true,
    message_id: enriched.messageId,
    trace_id: enriched.traceId,
    tenant_id: enriched.tenant_id,
    client_id: enriched.client.id,
    dialog_id: enriched.dialog_id,
  };
});

await app.listen({ port: 0, host: '127.0.0.1' });
withParent({ port: app.server.address().port });

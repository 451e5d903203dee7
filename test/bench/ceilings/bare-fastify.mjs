// The cost of HTTP alone: the framework, the check of the body, and an answer of the same size.
import { checkIncoming } from '@contour/contract';
import Fastify from 'fastify';
import { withParent } from '../programs/with-parent.mjs';

const app = Fastify();

app.post('/resolve', async (request, reply) => {
  const checked = checkIncoming(request.body);
  if (!checked.ok) return reply.code(400).send({ code: 'invalid' });
  const { messageId, traceId } = checked.message;
  return {
    accepted: true,
    message_id: messageId,
    trace_id: traceId,
    tenant_id: messageId,
    client_id: messageId,
    dialog_id: messageId,
  };
});

await app.listen({ port: 0, host: '127.0.0.1' });
withParent({ port: app.server.address().port });

import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { DOCS_PAGE, DOCS_POLICY, readScalar } from '../reference/docs-page.ts';

interface Page {
  type: string;
  body: Buffer;
  etag: string;
}

/** Made on the first request and kept: the process starts as fast as it did without. */
function once(type: string, read: () => Promise<Buffer>): () => Promise<Page> {
  let page: Promise<Page> | undefined;
  async function make(): Promise<Page> {
    const body = await read();
    const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
    return { type, body, etag: `"${hash}"` };
  }
  return () => {
    page ??= make().catch((error: unknown) => {
      page = undefined;
      throw error;
    });
    return page;
  };
}

function sendPage(request: FastifyRequest, reply: FastifyReply, { type, body, etag }: Page) {
  const known = request.headers['if-none-match']
    ?.split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
  reply.headers({ etag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' });
  if (known?.includes(etag)) return reply.code(304).send();
  return reply.type(type).send(body);
}

/** GET /openapi.json for programs and GET /docs for people. Open to all, and nothing from elsewhere. */
export function referenceRoutes(app: FastifyInstance): void {
  const document = once('application/json; charset=utf-8', async () => {
    const { openapi } = await import('../reference/openapi.ts');
    return Buffer.from(JSON.stringify(openapi()));
  });
  const docs = once('text/html; charset=utf-8', async () => Buffer.from(DOCS_PAGE));
  const scalar = once('text/javascript; charset=utf-8', readScalar);

  app.get('/openapi.json', async (request, reply) => sendPage(request, reply, await document()));
  app.get('/docs', async (request, reply) =>
    sendPage(request, reply.header('content-security-policy', DOCS_POLICY), await docs()),
  );
  app.get('/docs/scalar.js', async (request, reply) => sendPage(request, reply, await scalar()));
}

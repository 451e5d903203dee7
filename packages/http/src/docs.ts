import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { collectOperations, type ReferenceOptions } from './openapi.ts';
import { documented, OPEN, refTo, text } from './operation.ts';

// The network may have no way to the internet: no fonts, proxy or telemetry from elsewhere.
const CONFIGURATION = {
  url: 'openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  persistAuth: false,
  orderSchemaPropertiesBy: 'preserve',
};

const SCRIPT = `Scalar.createApiReference('#app', ${JSON.stringify(CONFIGURATION)})`;

/** Its addresses are relative, so that it also works behind a path. */
const pageOf = (title: string) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${title}: reference</title>
    <link rel="icon" href="data:," />
  </head>
  <body>
    <div id="app"></div>
    <script src="docs/scalar.js"></script>
    <script>${SCRIPT}</script>
  </body>
</html>
`;

const scriptHash = createHash('sha256').update(SCRIPT).digest('base64');

/** Makes the browser enforce what the settings above ask for. */
const POLICY = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${scriptHash}'`,
  "style-src 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Scalar is one file of three megabytes. */
function readScalar(): Promise<Buffer> {
  const plugin = import.meta.resolve('@scalar/fastify-api-reference');
  return readFile(new URL('js/standalone.js', plugin));
}

interface Page {
  type: string;
  body: Buffer;
  etag: string;
}

/** Makes a page at the first request, not at the start of the process, and keeps it. */
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

const unchanged = { description: 'Not changed (`If-None-Match`).' };
const about = { tags: ['Reference'], security: OPEN };

/**
 * GET /openapi.json for programs and GET /docs for people, open to all. GET / leads there. They show the routes that
 * are added after this call.
 */
export function docsRoutes(app: FastifyInstance, options: ReferenceOptions): void {
  const write = collectOperations(app, options);
  const document = once('application/json; charset=utf-8', async () =>
    Buffer.from(JSON.stringify(write())),
  );
  const page = once('text/html; charset=utf-8', async () =>
    Buffer.from(pageOf(options.info.title)),
  );
  const scalar = once('text/javascript; charset=utf-8', readScalar);

  const inJson = documented({
    operationId: 'getReference',
    summary: 'This reference, for programs',
    ...about,
    responses: {
      200: {
        description: 'OpenAPI 3.1.',
        headers: { ETag: refTo('headers', 'ETag') },
        content: {
          'application/json': { schema: { type: 'object' }, example: { openapi: '3.1.1' } },
        },
      },
      304: unchanged,
    },
  });
  const inHtml = documented({
    operationId: 'getDocs',
    summary: 'This reference, for people',
    ...about,
    responses: {
      200: text('text/html', 'A page that loads nothing from elsewhere.', '<!doctype html>', [
        'ETag',
      ]),
      304: unchanged,
    },
  });

  app.get('/', async (_request, reply) => reply.redirect('docs'));
  app.get('/openapi.json', inJson, async (request, reply) =>
    sendPage(request, reply, await document()),
  );
  app.get('/docs', inHtml, async (request, reply) =>
    sendPage(request, reply.header('content-security-policy', POLICY), await page()),
  );
  app.get('/docs/scalar.js', async (request, reply) => sendPage(request, reply, await scalar()));
}

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

// Whoever runs this may have no way out to the internet: no fonts, proxy or telemetry from elsewhere.
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

/** Its addresses are relative, so that it also stands behind a path. */
export const DOCS_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Contour: reference</title>
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

/** What the settings above ask for, the browser enforces. */
export const DOCS_POLICY = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${scriptHash}'`,
  "style-src 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Scalar as one file, three megabytes: read when somebody first opens the page. */
export function readScalar(): Promise<Buffer> {
  const plugin = import.meta.resolve('@scalar/fastify-api-reference');
  return readFile(new URL('js/standalone.js', plugin));
}

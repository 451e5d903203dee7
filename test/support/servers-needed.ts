import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export type SharedServer = 'postgresUrl' | 'neo4j';

const INJECTED = /\binject\(\s*'(postgresUrl|neo4j)'/g;
const RELATIVE_IMPORT = /\bfrom\s+'(\.[^']+\.ts)'/g;

/** The shared servers that test files, or the test files that they import, ask for by `inject`. */
export function serversNeededBy(testFiles: readonly string[]): Set<SharedServer> {
  const needed = new Set<SharedServer>();
  const seen = new Set<string>();
  const waiting = [...testFiles];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    // Sources of the product inject nothing.
    if (seen.has(file) || !file.includes('/test/') || !existsSync(file)) continue;
    seen.add(file);
    const text = readFileSync(file, 'utf8');
    for (const [, name] of text.matchAll(INJECTED)) needed.add(name as SharedServer);
    for (const [, path = ''] of text.matchAll(RELATIVE_IMPORT)) {
      waiting.push(resolve(dirname(file), path));
    }
  }
  return needed;
}

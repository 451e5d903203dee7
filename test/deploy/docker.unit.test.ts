import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { copiedFiles, instructionsOf, readDockerfile } from './dockerfile.ts';

const ROOT = join(import.meta.dirname, '../..');
const DOCKERFILES = ['Dockerfile.api', 'Dockerfile.worker'];

interface Service {
  image?: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);

describe.each(DOCKERFILES)('%s', (file) => {
  const stages = readDockerfile(join(ROOT, file));
  const final = stages.at(-1);

  it('copies only what exists', () => {
    const files = stages.flatMap(copiedFiles);
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
  });

  it('copies only from its own stages', () => {
    const names = stages.map((stage) => stage.name);
    const taken = instructionsOf(final, 'COPY').map((text) => /^--from=(\S+)/.exec(text)?.[1]);
    expect(taken.every((name) => name !== undefined && names.includes(name))).toBe(true);
  });

  it('runs as a user without rights, with a health check', () => {
    expect(instructionsOf(final, 'USER')).toEqual(['node']);
    expect(instructionsOf(final, 'HEALTHCHECK')).toHaveLength(1);
  });
});

describe('docker-compose.yml', () => {
  it('has Postgres, Redis, Neo4j, the API and two workers', () => {
    expect(services.map(([name]) => name)).toEqual(
      expect.arrayContaining(['postgres', 'redis', 'neo4j', 'api', 'worker-1', 'worker-2']),
    );
  });

  it('builds from files and runs scripts that exist', () => {
    for (const [name, { build, command, image }] of services) {
      if (build) expect(existsSync(join(ROOT, build.context, build.dockerfile)), name).toBe(true);
      else expect(image, name).toBeDefined();
      // The source of a built script: unit tests run without a build.
      const script = command?.[1]?.replace('/dist/', '/src/').replace(/js$/, 'ts');
      if (build && script) expect(existsSync(join(ROOT, script)), name).toBe(true);
    }
  });

  it('sets only variables that .env.example lists', () => {
    const listed = readFileSync(join(ROOT, '.env.example'), 'utf8');
    const ours = services.filter(([, service]) => service.build);
    const names = ours.flatMap(([, service]) => Object.keys(service.environment ?? {}));
    expect(names.filter((name) => !new RegExp(`^#?${name}=`, 'm').test(listed))).toEqual([]);
  });

  it('waits only for its own services, and for health only where it is checked', () => {
    for (const [name, { depends_on: waits = {} }] of services) {
      for (const [other, { condition }] of Object.entries(waits)) {
        const service = compose.services[other];
        expect(service, `${name} waits for ${other}`).toBeDefined();
        if (condition === 'service_healthy') expect(service?.healthcheck, other).toBeDefined();
      }
    }
  });

  it('starts no worker without CORE_URL', () => {
    const workers = services.filter(([name]) => name.startsWith('worker'));
    const given = workers.map(([, { environment }]) => environment?.CORE_URL);
    expect(given.every((value) => value?.startsWith('${CORE_URL:?'))).toBe(true);
  });

  it('keeps Redis on disk and never lets it evict', () => {
    const command = compose.services.redis?.command?.join(' ');
    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });

  it('publishes nothing beyond this machine', () => {
    const ports = services.flatMap(([, service]) => (service as { ports?: string[] }).ports ?? []);
    expect(ports.every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
  });
});

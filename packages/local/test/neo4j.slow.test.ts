import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startNeo4j, temporaryDir, userCacheDir } from '@contour/local';
import { expect, inject, onTestFinished, test } from 'vitest';
import { SHORT_LIVED_JVM } from '../../../test/support/servers.ts';
import { neo4jAnswers } from '../src/run-server.ts';
import { askNeo4j } from './ask-neo4j.ts';
import { waitUntilGone } from './processes.ts';

// One test, because each start takes seconds of both cores.
test('Neo4j keeps commits through a kill, and ends after stop', async ({ skip }) => {
  const { reason } = inject('neo4j'); // in CI the run has failed already
  skip(reason !== undefined, reason);
  const directory = await temporaryDir();
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const place = {
    dataDir: join(directory, 'neo4j'),
    cacheDir: userCacheDir(),
    flags: SHORT_LIVED_JVM,
  };

  const first = await startNeo4j(place);
  expect(first.uri).toBe(`bolt://127.0.0.1:${first.port}`);
  await askNeo4j(first.port, 'UNWIND range(1, 100) AS n CREATE (:Kept {n: n})');
  await first.kill();
  await waitUntilGone([first.pid]);

  const second = await startNeo4j({ ...place, port: first.port });
  expect(await askNeo4j(second.port, 'MATCH (n:Kept) RETURN count(n)')).toBe(100);
  await second.stop();
  await waitUntilGone([second.pid]);
  expect(await neo4jAnswers(second.port)).toBe(false);
}, 120_000);

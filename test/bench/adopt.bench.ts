import { expect, inject, it, onTestFinished } from 'vitest';
import { auditAdopted, createLegacyDatabase, startOldSystem } from '../support/legacy-database.ts';
import { runContour } from '../support/run-contour.ts';

const CLIENTS = 1_000_000;
const HOUR = 3_600_000;

it('a dirty database is adopted while its old system writes', { timeout: HOUR }, async () => {
  const database = await createLegacyDatabase(inject('postgresUrl'), CLIENTS);
  onTestFinished(database.drop);
  const { url, pool } = database;
  const timed = async (args: string[]) => {
    const startedAt = performance.now();
    const ran = await runContour(['adopt', ...args, '--domain-id', '7'], { DATABASE_URL: url });
    return { ...ran, seconds: ((performance.now() - startedAt) / 1000).toFixed(1) };
  };
  const checked = await timed(['--check']);
  console.log(`${CLIENTS} clients checked in ${checked.seconds} s\n${checked.stdout}`);
  expect(checked.code).toBe(0);

  const oldSystem = startOldSystem(pool, { writers: 4 });
  const applied = await timed(['--apply']);
  await oldSystem.stop();
  console.log(`${applied.stderr}${applied.stdout}adopted in ${applied.seconds} s`);
  console.log(
    `meanwhile ${oldSystem.written()} rows written, ${oldSystem.refused()} refused; ` +
      `the slowest statement of a writer took ${oldSystem.slowestMs()} ms`,
  );
  expect(applied.code).toBe(0);
  expect(await auditAdopted(pool)).toEqual([]);
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { TableReporter } from './matrix/table-reporter.ts';

const seed = Number(process.env.CONTOUR_FAULTS_SEED ?? 1);
const minutes = Number(process.env.CONTOUR_FAULTS_MINUTES ?? 1);

const ROOT = join(import.meta.dirname, '../..');

/** These rows measure latency: nothing else runs beside them. */
const MEASURED = 'test/faults/neighbours.slow.test.ts';

/** Test files that try more here than with `npm test`, or run only here. */
function filesThatTryMore(): string[] {
  const rooms = ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(ROOT, group)).map((room) => `${group}/${room}/test`),
  );
  return ['test', ...rooms]
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(folder, file),
      ),
    )
    .filter((file) => file.endsWith('.test.ts') && triesMore(file));
}

const triesMore = (file: string) =>
  file.endsWith('.slow.test.ts') ||
  /from '.*\/(seed|holds)\.ts'/.test(readFileSync(join(ROOT, file), 'utf8'));

const SHARED = {
  root: ROOT,
  setupFiles: ['test/support/leave-no-process.ts'],
  provide: { faults: { seed, minutes } },
  pool: 'forks' as const,
  testTimeout: 300_000,
  hookTimeout: 120_000,
  teardownTimeout: 15_000,
};

/** The whole matrix. Rows mostly wait, so several run side by side. */
export default defineConfig({
  test: {
    root: ROOT,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: [
      ['default', { summary: false }],
      new TableReporter(process.env.CONTOUR_FAULTS_RECORD),
    ],
    projects: [
      {
        test: {
          ...SHARED,
          name: 'rows',
          include: ['test/{faults,interleavings}/*.test.ts', ...filesThatTryMore()],
          exclude: [MEASURED],
          // More rows at once would slow each other down.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...SHARED,
          name: 'measured',
          include: [MEASURED],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

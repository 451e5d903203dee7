import { defineConfig } from 'vitest/config';
import { TableReporter } from './matrix/table-reporter.ts';

const seed = Number(process.env.CONTOUR_FAULTS_SEED ?? 1);
const minutes = Number(process.env.CONTOUR_FAULTS_MINUTES ?? 1);

/** These rows measure latency: nothing else runs beside them. */
const MEASURED = 'test/faults/neighbours.slow.test.ts';

/** Files that try less, or run fewer tests, with `npm test`. */
const TRY_MORE = ['test/inputs/any-input.test.ts', 'test/e2e/{refusals,release,retention}.test.ts'];
/** Files that take too long for `npm test`. */
const SLOW = '{test,packages/*/test,apps/*/test}/**/*.slow.test.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
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
          include: ['test/{faults,interleavings}/*.test.ts', ...TRY_MORE, SLOW],
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

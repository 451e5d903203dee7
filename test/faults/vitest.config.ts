import { defineConfig } from 'vitest/config';
import { TableReporter } from './matrix/table-reporter.ts';

const seed = Number(process.env.CONTOUR_FAULTS_SEED ?? 1);

/** The whole matrix. Most of a row is waiting, so several run side by side. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/{faults,interleavings}/*.test.ts', 'test/inputs/any-input.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/leave-no-process.ts'],
    provide: { faults: { seed } },
    pool: 'forks',
    // More would measure how they get in each other's way.
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    teardownTimeout: 15_000,
    reporters: [
      ['default', { summary: false }],
      new TableReporter(process.env.CONTOUR_FAULTS_RECORD),
    ],
  },
});

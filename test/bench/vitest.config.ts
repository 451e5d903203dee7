import { defineConfig } from 'vitest/config';

/** Measurements: one file at a time, so that nothing else is measured with it. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/bench/*.bench.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/leave-no-process.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['dot'],
  },
});

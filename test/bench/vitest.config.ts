import { defineConfig } from 'vitest/config';

const {
  CONTOUR_BENCH_OPTIONS = '{"only":null,"quick":true,"json":false,"write":false,"names":[]}',
} = process.env;
const options = JSON.parse(CONTOUR_BENCH_OPTIONS);
// The figures have servers of their own. Other servers would disturb the measurement.
const sharesServers = options.names.length > 0;

/** Measurements, one file at a time, so that they do not disturb each other. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/bench/**/*.bench.ts'],
    provide: { bench: options },
    globalSetup: sharesServers ? ['test/support/global-setup.ts'] : [],
    setupFiles: ['test/support/leave-no-process.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['dot'],
  },
});

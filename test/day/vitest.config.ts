import { defineConfig } from 'vitest/config';

const { CONTOUR_DAY = '{"minutes":10,"seed":1,"rate":40}' } = process.env;

/** A day with servers of its own, so that faults may stop any of them. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/day/day.slow.test.ts'],
    provide: { day: JSON.parse(CONTOUR_DAY) },
    server: { deps: { external: [/\/(packages|apps)\/[^/]+\/dist\//] } },
    setupFiles: ['test/support/leave-no-process.ts'],
    pool: 'forks',
    teardownTimeout: 30_000,
    reporters: ['dot'],
  },
});

import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Outages are waited for, not worked on: begun first, they pass while the other tests run. */
class FaultsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isFault = (file: TestSpecification) => file.moduleId.includes('/test/faults/');
    const sorted = await super.sort(files);
    return [...sorted.filter(isFault), ...sorted.filter((file) => !isFault(file))];
  }
}

/**
 * They have no row for every commit, and a file without a test would be a failure. Whoever makes one
 * of their rows `quick` takes its file out of here.
 */
const ONLY_WITH_THE_MATRIX = ['test/faults/{clock,deployment,memory,neighbours*}.test.ts'];

const SHARED = {
  pool: 'forks' as const,
  // Loading the modules costs more than most of the tests: the files of a worker share them.
  isolate: false,
  // What is built is loaded by Node as it stands, and not transformed once more.
  server: { deps: { external: [/\/(packages|apps)\/[^/]+\/dist\//] } },
  setupFiles: ['test/support/leave-no-process.ts'],
  // A system of several processes needs a while to start on a machine that runs other tests.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  teardownTimeout: 15_000,
};

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // More than there are cores: most of what the tests do is wait.
    maxWorkers: 3,
    sequence: { sequencer: FaultsFirst },
    projects: [
      {
        test: {
          name: 'rooms',
          include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts'],
          ...SHARED,
        },
      },
      {
        test: {
          name: 'house',
          include: ['test/**/*.test.ts'],
          exclude: ONLY_WITH_THE_MATRIX,
          ...SHARED,
        },
      },
    ],
  },
});

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

const SLOW_MACHINE = { testTimeout: 30_000, hookTimeout: 60_000, teardownTimeout: 15_000 };

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // More than there are cores: most of what the tests do is wait.
    maxWorkers: 3,
    sequence: { sequencer: FaultsFirst },
    projects: [
      {
        // Loading the modules costs more than most of these tests: the files of a worker share them.
        test: {
          name: 'rooms',
          include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts'],
          pool: 'forks',
          isolate: false,
          ...SLOW_MACHINE,
        },
      },
      {
        test: { name: 'house', include: ['test/**/*.test.ts'], pool: 'forks', ...SLOW_MACHINE },
      },
    ],
  },
});

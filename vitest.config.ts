import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Long files first, so that no worker ends with one: outages are waited for and need little CPU, and
 * whole systems start slowly.
 */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) =>
      moduleId.includes('/test/faults/')
        ? 0
        : ['system', 'servers', 'unit'].indexOf(project.name) + 1;
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** Every export of our packages, and the source file behind it: unit tests run without a build. */
function sourceAliases() {
  const packages = join(import.meta.dirname, 'packages');
  return readdirSync(packages).flatMap((room) => {
    const manifest = JSON.parse(readFileSync(join(packages, room, 'package.json'), 'utf8'));
    const exported = Object.entries<{ default: string }>(manifest.exports);
    return exported.map(([subpath, { default: built }]) => ({
      find: new RegExp(`^${manifest.name}${subpath.slice(1)}$`),
      replacement: join(packages, room, built.replace('dist/', 'src/').replace(/js$/, 'ts')),
    }));
  });
}

const UNIT = '**/*.unit.test.ts';
/** Too long for `npm test`: `npm run faults` runs them. */
const SLOW = '**/*.slow.test.ts';

const WITH_SERVERS = {
  pool: 'forks' as const,
  // Loading the modules takes longer than most of the tests: the files of a worker share them.
  isolate: false,
  // Built files are loaded by Node as they are, without another transformation.
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
    // More than there are cores: tests of servers mostly wait.
    maxWorkers: 4,
    sequence: { sequencer: LongFirst },
    projects: [
      {
        resolve: { alias: sourceAliases() },
        test: {
          name: 'unit',
          include: [`{packages,apps}/*/test/${UNIT}`, `test/${UNIT}`],
          pool: 'forks',
          isolate: false,
        },
      },
      {
        test: {
          name: 'servers',
          include: ['{packages,apps}/*/test/**/*.test.ts'],
          exclude: [UNIT, SLOW],
          ...WITH_SERVERS,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: [UNIT, SLOW],
          ...WITH_SERVERS,
        },
      },
    ],
  },
});

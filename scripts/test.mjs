// `npm test`: the checks and all tests except the slow ones, also on a fresh clone. The last line has the
// result.
import './require-node.mjs';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';
import { runGuarded } from './run-guarded.mjs';
import { watchAncestors } from './watch-ancestors.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
watchAncestors();

const counts = await prepare().then(checkAndTest, (error) => {
  console.error(error.message);
  return { passed: 0, failed: 1, skipped: 0 };
});
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed > 0 ? 1 : 0;

async function checkAndTest() {
  // Side by side: the tests first wait for servers, and the first time for their download.
  const [check, counts] = await Promise.all([
    runGuarded(process.execPath, ['scripts/check.mjs'], { quiet: true }),
    runTests(process.argv.slice(2)),
  ]);
  console.log(`\n${check.output.trimEnd()}`);
  return check.code === 0 ? counts : { ...counts, failed: counts.failed + 1 };
}

async function runTests(args) {
  const directory = mkdtempSync(join(tmpdir(), 'contour-report-'));
  const report = join(directory, 'report.json');
  try {
    const { code } = await runGuarded(process.execPath, [
      ...['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json'],
      ...[`--outputFile.json=${report}`, ...args],
    ]);
    return countsOf(report, code);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function countsOf(report, code) {
  let counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    const found = JSON.parse(readFileSync(report, 'utf8'));
    counts = {
      passed: found.numPassedTests,
      failed: found.numFailedTests + found.testResults.filter(failedAsAWhole).length,
      skipped: found.numPendingTests + found.numTodoTests,
    };
  } catch {
    // no report: vitest failed
  }
  // An error outside of tests, a leaked handle or a missing test is a failure, too.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

// A file that cannot be loaded, or whose hooks fail, has no failed test.
function failedAsAWhole({ status, assertionResults }) {
  return status === 'failed' && assertionResults.every((result) => result.status !== 'failed');
}

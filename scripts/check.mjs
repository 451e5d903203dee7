// `npm run check`: everything that can be said about the code without running it. After a failure
// the other checks run all the same, so that one run shows all there is to mend.
import { spawnSync } from 'node:child_process';

const CHECKS = [
  ['format and lint', 'biome', ['ci', '--error-on-warnings', '--colors=off', '.']],
  ['types', 'tsc', ['-b']],
  // tsc alone would leave the scripts of an earlier build beside new code.
  ['Lua scripts', process.execPath, ['packages/queue/copy-lua.mjs']],
  ['types of the tests', 'tsc', ['-p', 'tsconfig.test.json']],
  // After the types: it reads those of our packages from dist.
  ['promises and switches', 'oxlint', ['--type-aware', '--format=unix']],
  ['unused code and dependencies', 'knip', ['--no-progress']],
  ['imports', process.execPath, ['scripts/check-imports.mjs']],
  ['package of the producer', 'publint', ['--strict', 'packages/producer']],
  ['its types', 'attw', ['--pack', 'packages/producer', '--profile', 'esm-only', '--no-color']],
  ['words', process.execPath, ['scripts/check-words.mjs']],
];

const failed = CHECKS.filter(([what, command, args]) => {
  const startedAt = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: `node_modules/.bin:${process.env.PATH}` },
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'}  ${what} (${seconds} s)`);
  if (status !== 0) console.log(`${stdout ?? ''}${stderr ?? ''}`.trimEnd());
  return status !== 0;
});

process.exitCode = failed.length === 0 ? 0 : 1;

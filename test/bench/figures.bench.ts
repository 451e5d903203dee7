import { it } from 'vitest';
import { spreadOf } from './measure/stats.ts';
import { requested } from './options.ts';
import { goalLines, otherLines } from './report/lines.ts';
import { writePage } from './report/page.ts';
import { type Figure, keepResults, resultsOf } from './report/results.ts';
import { STUDIES } from './studies/studies.ts';
import type { Sheet, Size } from './study.ts';

const HOURS = 3_600_000;
const { only, quick, json, write } = requested();
const size: Size = quick
  ? { pairs: 2, messages: 4_000, isQuick: true }
  : { pairs: 5, messages: 10_000, isQuick: false };

const isWanted = ({ name, finds }: { name: string; finds: readonly string[] }) =>
  only === null || [name, ...finds].some((one) => one.includes(only));

const figures: Record<string, Figure> = {};
const say = json ? console.error : console.log;

const sheet: Sheet = {
  add(name, values, unit = '') {
    const spread = spreadOf(values);
    figures[name] = { ...spread, unit, of: values.length };
    return spread;
  },
  say: (line) => say(`  ${line}`),
};

for (const study of STUDIES.filter(isWanted)) {
  it(study.name, { timeout: 6 * HOURS }, async () => {
    say(`\n${study.name}`);
    await study.run(size, sheet);
    // The figures of a short run are not precise enough to be kept.
    if (!quick) keepResults(resultsOf(figures, true));
  });
}

it('the results', () => {
  const results = resultsOf(figures, !quick);
  if (write) writePage(results);
  if (json) console.log(JSON.stringify(results, null, 2));
  else console.log(`\n${[...goalLines(results), '', ...otherLines(results)].join('\n')}`);
});

import { expect, onTestFinished, test } from 'vitest';
import { isWholeMatrix } from '../support/seed.ts';
import { BREAKS } from './breaks.ts';
import { performAll } from './perform.ts';
import { openStage } from './stage.ts';

// More interleavings would mean that the exploration looks in the wrong places.
const AT_MOST = 100;

for (const { effect, scene, shows, quick, ...sabotage } of BREAKS) {
  if (!quick && !isWholeMatrix()) continue;
  test(`the exploration finds that ${effect}`, { timeout: 60_000 }, async () => {
    const stage = await openStage(scene.acts.length, sabotage);
    onTestFinished(() => stage.close());
    const { broken, played, ms } = await performAll(stage, scene);
    expect(broken?.violations.map(({ kind }) => kind)).toContain(shows);
    expect(played).toBeLessThanOrEqual(AT_MOST);
    console.log(`${played} interleavings, ${Math.round(ms)} ms: ${broken?.interleaving}`);
  });
}

import { expect, onTestFinished, test } from 'vitest';
import { BREAKS } from './breaks.ts';
import { performAll } from './perform.ts';
import { openStage } from './stage.ts';

// So few interleavings are enough, or the exploration looks in the wrong places.
const AT_MOST = 100;

for (const { effect, scene, shows, ...sabotage } of BREAKS) {
  test(`a product is found out in which ${effect}`, { timeout: 60_000 }, async () => {
    const stage = await openStage(scene.acts.length, sabotage);
    onTestFinished(() => stage.close());
    const { broken, played, ms } = await performAll(stage, scene);
    expect(broken?.violations.map(({ kind }) => kind)).toContain(shows);
    expect(played).toBeLessThanOrEqual(AT_MOST);
    console.log(`${played} interleavings, ${Math.round(ms)} ms: ${broken?.interleaving}`);
  });
}

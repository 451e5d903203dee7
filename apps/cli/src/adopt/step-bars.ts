import { createProgressBar, type ProgressBar } from '../progress-bar.ts';

/** One progress bar after the other, one for each step. */
export function createStepBars(screen: NodeJS.WriteStream) {
  let step: string | undefined;
  let bar: ProgressBar | undefined;
  const end = () => {
    bar?.end();
    bar = undefined;
    step = undefined;
  };
  return {
    show(name: string, done: number, total: number): void {
      if (name !== step) {
        end();
        step = name;
        bar = createProgressBar(name.padEnd(28), screen);
      }
      bar?.show(done, total);
    },
    end,
  };
}

import { grouped } from './text.ts';

const WIDTH = 24;
const REDRAW_MS = 100;
const LOG_EVERY_MS = 10_000;

export interface ProgressBar {
  show(done: number, total: number): void;
  /** Ends the line of the bar. */
  end(): void;
}

interface Terminal {
  isTTY?: boolean;
  write(text: string): unknown;
}

/** The progress of long work: one line that is redrawn on a terminal, or a line every ten seconds in a log. */
export function createProgressBar(
  what: string,
  out: Terminal,
  nowMs: () => number = () => performance.now(),
): ProgressBar {
  const startedAt = nowMs();
  const everyMs = out.isTTY ? REDRAW_MS : LOG_EVERY_MS;
  let shownAt = out.isTTY ? Number.NEGATIVE_INFINITY : startedAt;
  let last: string | undefined;

  const lineOf = (done: number, total: number) => {
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const filled = Math.round(share * WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    const seconds = Math.round((nowMs() - startedAt) / 1000);
    return `${what} ${bar} ${Math.floor(share * 100)} %  ${grouped(done)} of ${grouped(total)}  ${seconds} s`;
  };

  return {
    show(done, total) {
      last = lineOf(done, total);
      if (nowMs() - shownAt < everyMs) return;
      shownAt = nowMs();
      out.write(out.isTTY ? `\r\u001b[2K${last}` : `${last}\n`);
    },
    end() {
      if (last !== undefined) out.write(out.isTTY ? `\r\u001b[2K${last}\n` : `${last}\n`);
    },
  };
}

/** Work in named steps: one bar for each step, one after the other. */
export function createStepBars(out: Terminal) {
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
        bar = createProgressBar(name, out);
      }
      bar?.show(done, total);
    },
    end,
  };
}

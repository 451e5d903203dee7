import { grouped } from './text.ts';

const WIDTH = 24;
const REDRAW_MS = 100;
const LOG_EVERY_MS = 10_000;

interface Terminal {
  isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * The progress of long work: one line that is redrawn on a terminal, or a line every ten seconds in a log.
 * Each step of the work has a bar of its own.
 */
export function createProgressBar(out: Terminal, nowMs = () => performance.now()) {
  let step: string | undefined;
  let startedAt = 0;
  let shownAt = 0;
  let last: string | undefined;

  const lineOf = (done: number, total: number) => {
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const filled = Math.round(share * WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    const seconds = Math.round((nowMs() - startedAt) / 1000);
    return `${step} ${bar} ${Math.floor(share * 100)} %  ${grouped(done)} of ${grouped(total)}  ${seconds} s`;
  };

  /** Ends the line of the bar. */
  function end(): void {
    if (last !== undefined) out.write(out.isTTY ? `\r\u001b[2K${last}\n` : `${last}\n`);
    last = undefined;
    step = undefined;
  }

  function show(what: string, done: number, total: number): void {
    if (what !== step) {
      end();
      step = what;
      startedAt = nowMs();
      shownAt = out.isTTY ? Number.NEGATIVE_INFINITY : startedAt;
    }
    last = lineOf(done, total);
    if (nowMs() - shownAt < (out.isTTY ? REDRAW_MS : LOG_EVERY_MS)) return;
    shownAt = nowMs();
    out.write(out.isTTY ? `\r\u001b[2K${last}` : `${last}\n`);
  }

  return { show, end };
}

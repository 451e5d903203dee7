const TERMINAL_EVERY_MS = 1_000;
const LOG_EVERY_MS = 10_000;

/** Shows a line during work, on a terminal with the seconds counting up. */
export async function during(what, work) {
  const isTerminal = process.stdout.isTTY;
  const startedAt = Date.now();
  const show = (end) => {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    process.stdout.write(`${isTerminal ? '\r' : ''}${what} … ${seconds} s${end}`);
  };
  process.stdout.write(`${what} …${isTerminal ? '' : '\n'}`);
  const timer = setInterval(
    () => show(isTerminal ? '' : '\n'),
    isTerminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS,
  );
  try {
    await work();
  } finally {
    clearInterval(timer);
    if (isTerminal) show('\n');
  }
}

export interface Closer {
  name: string;
  close: (signal: AbortSignal) => Promise<void> | void;
}

const ABORT_AT = 0.8;
const HURRY_AT = 0.88;
const LEAVE_AT = 0.95;

/**
 * Takes the closers off the list, last first, each after the one before has ended or time is short. Answers
 * the names of those that had not ended when it ran out. One added meanwhile is closed as well.
 */
export async function closeInReverse(
  closers: Closer[],
  timeoutMs: number,
  onError: (name: string, error: unknown) => void,
): Promise<string[]> {
  const abort = new AbortController();
  const abortTimer = setTimeout(() => abort.abort(), timeoutMs * ABORT_AT);
  const hurry = after(timeoutMs * HURRY_AT);
  const leave = after(timeoutMs * LEAVE_AT);
  const open = new Set<Closer>();

  async function run(closer: Closer): Promise<void> {
    open.add(closer);
    try {
      await closer.close(abort.signal);
    } catch (error) {
      onError(closer.name, error);
    }
    open.delete(closer);
  }

  const runs: Promise<void>[] = [];
  for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) {
    const ended = run(closer);
    runs.push(ended);
    await Promise.race([ended, hurry.passed]);
  }
  await Promise.race([Promise.all(runs), leave.passed]);
  for (const timer of [abortTimer, hurry.timer, leave.timer]) clearTimeout(timer);
  return [...open].map(({ name }) => name);
}

/** The timers keep the process alive: it ends when all is closed, not when nothing happens to be open. */
function after(ms: number) {
  let pass = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { passed, timer: setTimeout(pass, ms) };
}

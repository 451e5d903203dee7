/** Runs at most `most` tasks at a time. The others wait in the order of the calls. */
export function limitConcurrency(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: Array<() => void> = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

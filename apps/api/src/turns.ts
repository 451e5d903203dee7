/**
 * Turns for work that blocks the process for milliseconds. Turns are given in the order of the calls. After a piece of
 * work the next one waits as long as that piece took, so other requests get at least half of the time.
 */
export function createTurns(): () => Promise<void> {
  let free = Promise.resolve();
  return async () => {
    const turn = free;
    let end = () => {};
    free = new Promise((resolve) => {
      end = resolve;
    });
    await turn;
    const startedAt = performance.now();
    // The piece of work has ended by the next round of the event loop.
    setImmediate(() => setTimeout(end, performance.now() - startedAt));
  };
}

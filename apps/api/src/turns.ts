/**
 * For work that takes milliseconds at a time. It is done piece by piece in the order of its asking, and between two
 * pieces there is a rest as long as the first one took: at least half of the time is left for other requests, however
 * much of such work waits.
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
    // By the next round of the event loop the piece is done.
    setImmediate(() => setTimeout(end, performance.now() - startedAt));
  };
}

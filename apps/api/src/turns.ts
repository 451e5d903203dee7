/**
 * Work that takes milliseconds, one piece in each round of the event loop: whatever else has come is heard in between,
 * however much of such work waits. It is done in the order of its asking.
 */
export function createTurns(): () => Promise<void> {
  let last = Promise.resolve();
  return () => {
    last = last.then(() => new Promise((resolve) => setImmediate(resolve)));
    return last;
  };
}

/** What a unit under test says is nobody's business. */
export const silent = { info: () => undefined, warn: () => undefined } as never;

export const uncounted = {
  delivered: () => undefined,
  retried: () => undefined,
  dead: () => undefined,
  settled: () => undefined,
};

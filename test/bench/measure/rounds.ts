/** Several runs, one after another, after a warm-up run that is discarded. */
export async function inRounds<T>(rounds: number, run: () => Promise<T>): Promise<T[]> {
  await run();
  const results: T[] = [];
  while (results.length < rounds) results.push(await run());
  return results;
}

/** So many one after another; one more comes before them, for warming up, and is not kept. */
export async function inRounds<T>(rounds: number, run: () => Promise<T>): Promise<T[]> {
  await run();
  const results: T[] = [];
  while (results.length < rounds) results.push(await run());
  return results;
}

/** Measures two things in turn, A B B A A B …, so that a drift of the machine affects both. */
export async function inPairs<A, B>(
  pairs: number,
  runA: () => Promise<A>,
  runB: () => Promise<B>,
): Promise<Array<{ a: A; b: B }>> {
  const results: Array<{ a: A; b: B }> = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    if (pair % 2 === 0) {
      const a = await runA();
      results.push({ a, b: await runB() });
    } else {
      const b = await runB();
      results.push({ a: await runA(), b });
    }
  }
  return results;
}

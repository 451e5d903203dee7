/** Two things that are measured against each other, in turn: A B B A A B …, so that what drifts drifts for both. */
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

/**
 * Runs the work for every item, `atOnce` at a time, in the order of the items. Settles when all work has ended, and
 * throws the first failure then.
 */
export async function sideBySide<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const workOn = async () => {
    for (const item of left) await work(item);
  };
  const lines = Array.from({ length: Math.min(atOnce, items.length) }, workOn);
  for (const line of await Promise.allSettled(lines)) {
    if (line.status === 'rejected') throw line.reason;
  }
}

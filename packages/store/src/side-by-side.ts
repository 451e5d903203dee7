/**
 * Does the work for every item, a few at a time, in the order of the items. Every piece of work has ended when
 * this settles; the first failure is thrown then.
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

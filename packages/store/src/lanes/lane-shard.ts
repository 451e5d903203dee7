/**
 * The shard that delivers a dialog. It is written into the lane when the lane is made and stays
 * until the lane is empty, so a changed number of shards never puts one dialog into two hands.
 */
export function laneShard(dialogId: string, shardCount: number): number {
  // The last digits of a UUID are random in every version that a dialog may have.
  return Number.parseInt(dialogId.slice(-8), 16) % shardCount;
}

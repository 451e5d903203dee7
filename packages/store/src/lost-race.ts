/** What this transaction has seen no longer holds: the batch starts again from the top. */
export class LostRace extends Error {
  override name = 'LostRace';
}

/** A later turn than ours has written to the graph. */
export class TurnLost extends Error {
  override readonly name = 'TurnLost';
  readonly latest: number;

  constructor(latest: number) {
    super(`turn ${latest} has written already`);
    this.latest = latest;
  }
}

/** More than any message becomes as a job, and little enough to be read by the smallest worker. */
export const MAX_JOB_LENGTH = 4 * 1024 * 1024;

/**
 * Stands where a job's data, or an entry's message, would, when to read it might take all the memory: whoever read it
 * would die of it, and the next one after that.
 */
export class TooLong {
  readonly length: number;
  readonly #unit: string;

  constructor(length: number, unit: 'characters' | 'bytes' = 'characters') {
    this.length = length;
    this.#unit = unit;
  }

  toString(): string {
    return `(${this.length} ${this.#unit})`;
  }
}

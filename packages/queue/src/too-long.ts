/** More than any message becomes as a job, and little enough to be read by the smallest worker. */
export const MAX_JOB_LENGTH = 4 * 1024 * 1024;

/**
 * Stands where a job's data, or the message of an entry, would, when to read it might take all the memory: a worker that
 * read it would die of it, and so would the next one. Of an entry the length is that of its bytes.
 */
export class TooLong {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  toString(): string {
    return `(${this.length} characters)`;
  }
}

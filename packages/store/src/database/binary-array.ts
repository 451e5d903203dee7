import { isUuid } from '@contour/contract';

/*
 * Arrays in the binary format of Postgres. In text format every quote of every payload would be escaped here and
 * unescaped there.
 */

/** Writes the elements of one type. */
interface Coder {
  /** The type's number, which is the same in every Postgres. */
  oid: number;
  /** The length in bytes; undefined for a value that only Postgres itself can parse or refuse. */
  sizeOf(value: unknown): number | undefined;
  /** Returns how many bytes it has written. */
  write(buffer: Buffer, at: number, value: unknown): number;
}

const sizeIf = (size: number, isFit: (value: unknown) => boolean) => (value: unknown) =>
  isFit(value) ? size : undefined;

const isBetween = (least: number, most: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

const text = (oid: number): Coder => ({
  oid,
  sizeOf: (value) => (typeof value === 'string' ? Buffer.byteLength(value) : undefined),
  write: (buffer, at, value) => buffer.write(value as string, at),
});

const CODERS: Record<string, Coder> = {
  uuid: {
    oid: 2950,
    sizeOf: sizeIf(16, (value) => typeof value === 'string' && isUuid(value)),
    write: (buffer, at, value) => buffer.write((value as string).replaceAll('-', ''), at, 'hex'),
  },
  text: text(25),
  json: text(114),
  boolean: {
    oid: 16,
    sizeOf: sizeIf(1, (value) => typeof value === 'boolean'),
    write: (buffer, at, value) => buffer.writeInt8(value === true ? 1 : 0, at) - at,
  },
  smallint: {
    oid: 21,
    sizeOf: sizeIf(2, isBetween(-(2 ** 15), 2 ** 15 - 1)),
    write: (buffer, at, value) => buffer.writeInt16BE(value as number, at) - at,
  },
  int: {
    oid: 23,
    sizeOf: sizeIf(4, isBetween(-(2 ** 31), 2 ** 31 - 1)),
    write: (buffer, at, value) => buffer.writeInt32BE(value as number, at) - at,
  },
  bigint: {
    oid: 20,
    sizeOf: sizeIf(8, (value) => typeof value === 'string' && /^\d{1,18}$/.test(value)),
    write: (buffer, at, value) => buffer.writeBigInt64BE(BigInt(value as string), at) - at,
  },
};

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL = -1;

function sizeOfAll(values: readonly unknown[], { sizeOf }: Coder): number | undefined {
  let total = HEADER_BYTES;
  for (const value of values) {
    const size = value === null || value === undefined ? 0 : sizeOf(value);
    if (size === undefined) return undefined;
    total += LENGTH_BYTES + size;
  }
  return total;
}

/** The bytes of an array of this type; undefined if the array has to be sent as text. */
export function binaryArray(type: string, values: readonly unknown[]): Buffer | undefined {
  const coder = CODERS[type];
  const size = coder && sizeOfAll(values, coder);
  if (coder === undefined || size === undefined || values.length === 0) return undefined;
  const buffer = Buffer.allocUnsafe(size);
  buffer.writeInt32BE(1, 0); // one dimension
  buffer.writeInt32BE(1, 4); // there may be nulls
  buffer.writeInt32BE(coder.oid, 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16); // counted from 1
  let at = HEADER_BYTES;
  for (const value of values) {
    const isNull = value === null || value === undefined;
    const length = isNull ? 0 : coder.write(buffer, at + LENGTH_BYTES, value);
    buffer.writeInt32BE(isNull ? NULL : length, at);
    at += LENGTH_BYTES + length;
  }
  return buffer;
}

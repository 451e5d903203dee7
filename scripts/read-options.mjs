import { parseArgs } from 'node:util';

/** What was typed, as `read` makes it of the values, and of the names where it takes some; ends with the usage where it was asked for, or typed wrong. */
export function readOptions(usage, options, read) {
  try {
    const { values, positionals } = parseArgs({
      options: { ...options, help: { type: 'boolean', default: false } },
      allowPositionals: read.length > 1,
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    return read(values, positionals);
  } catch (error) {
    console.error(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
}

export function wholeNumber(name, text, least) {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new Error(`--${name} wants a whole number from ${least}, not "${text}"`);
}

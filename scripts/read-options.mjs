import { parseArgs } from 'node:util';

/**
 * Parses the command line and returns what `read` makes of its values and names. Prints the usage and ends
 * the process for --help and for invalid options.
 */
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
  throw new Error(`--${name} must be a whole number of at least ${least}, not "${text}"`);
}

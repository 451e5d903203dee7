// The first import of every script: an old Node gets an error message in place of a syntax error.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Contour needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

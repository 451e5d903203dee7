// The first import of a script, so that an old Node ends with a sentence and not with a stack.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Contour needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

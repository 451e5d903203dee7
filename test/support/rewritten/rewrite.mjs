const { file, find, replace } = JSON.parse(process.env.CONTOUR_REWRITE);

/** Node's hook for the source of a module. A text that is not found is an error. */
export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (!url.endsWith(`/${file}`)) return loaded;
  const source = loaded.source.toString();
  if (source.split(find).length !== 2) {
    throw new Error(`${file} does not have this exactly once: ${find}`);
  }
  return { ...loaded, source: source.replace(find, () => replace) };
}

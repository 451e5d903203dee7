const { file, find, replace } = JSON.parse(process.env.CONTOUR_REWRITE);

/** Node's hook for the text of a module. What no longer fits must not pass for nothing. */
export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (!url.endsWith(`/${file}`)) return loaded;
  const source = loaded.source.toString();
  if (source.split(find).length !== 2) {
    throw new Error(`${file} does not have this exactly once: ${find}`);
  }
  return { ...loaded, source: source.replace(find, () => replace) };
}

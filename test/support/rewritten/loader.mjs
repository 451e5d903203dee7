// Loaded before a built program (`--import`). It replaces a part of one module, as CONTOUR_REWRITE says,
// without a change on disk.
import { register } from 'node:module';

register('./rewrite.mjs', import.meta.url);

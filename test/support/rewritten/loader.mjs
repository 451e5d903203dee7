// Loaded before a built program (`--import`): one of its modules is read with a part replaced, as
// CONTOUR_REWRITE says. The files on disk stay as they are.
import { register } from 'node:module';

register('./rewrite.mjs', import.meta.url);

/** Calls once for all calls of a while, at its end. What is still to come keeps no process alive. */
export function debounced(waitMs: number, call: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    const fire = () => {
      isDue = false;
      call();
    };
    setTimeout(fire, waitMs).unref();
  };
}

/** 12 ms, 3.4 s, 5 min: as exact as matters for a time of this length. */
export function durationText(ms: number): string {
  const size = Math.abs(ms);
  if (size < 1000) return `${Math.round(ms)} ms`;
  if (size < 600_000) return `${(ms / 1000).toFixed(1)} s`;
  if (size < 2 * 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (size < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

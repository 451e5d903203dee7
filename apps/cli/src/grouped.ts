/** 1 234 567: a number that is read by people. */
export const grouped = (n: number): string => n.toLocaleString('en').replaceAll(',', ' ');

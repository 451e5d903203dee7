// Loaded before a built program (`--import`): its clock is off by CLOCK_OFF_MS, its timers are correct.
const offMs = Number(process.env.CLOCK_OFF_MS);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [RealDate.now() + offMs] : parts));
  }

  static now() {
    return RealDate.now() + offMs;
  }
};

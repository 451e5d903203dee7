export type CircuitState = 'closed' | 'open' | 'half_open';

/** The health of the other service by one attempt; `unknown` if the attempt showed nothing. */
export type Health = 'up' | 'down' | 'unknown';

const DEFAULTS = {
  /** Consecutive failures that open a circuit. */
  threshold: 20,
  firstPauseMs: 1000,
  maxPauseMs: 15_000,
  /** How many attempts may be under way while a circuit is open. With one, an attempt that hangs would decide for all. */
  probes: 3,
  /** The common circuit opens only after this long without a success: failures of few tenants may come in a burst. */
  quietMs: 250,
  /** A clock that never goes back, in milliseconds. */
  now: () => performance.now(),
};

type Settings = typeof DEFAULTS & { onChange: (state: CircuitState) => void };

/** An attempt from before the opening does not lengthen the pause. */
const endNoProbe = () => {};

/**
 * Holds attempts back once it is open: a pause, then a few probes; each failed round doubles the pause.
 *
 *   round of probes   1    2    3    4    5 and later
 *   pause before it   1 s  2 s  4 s  8 s  15 s
 */
function createCircuit({ firstPauseMs, maxPauseMs, probes, now, onChange }: Settings) {
  /** 0 while the circuit is closed. */
  let round = 0;
  let probeAt = 0;
  let probing = 0;

  const open = () => {
    round += 1;
    probeAt = now() + Math.min(firstPauseMs * 2 ** (round - 1), maxPauseMs);
    onChange('open');
  };

  const endProbe = (ofRound: number, health: Health) => {
    probing -= 1;
    // The other probes of a failed round do not lengthen the pause. Those of an ended circuit change nothing.
    if (health === 'down' && ofRound === round) open();
  };

  return {
    isOpen: () => round > 0,
    open,
    /** Ends the circuit. A new one takes its place. */
    close(): void {
      if (round > 0) onChange('closed');
      round = 0;
    },
    /** How many attempts may begin now; without a limit while the circuit is closed. */
    room(): number {
      if (round === 0) return Number.POSITIVE_INFINITY;
      return now() < probeAt ? 0 : Math.max(0, probes - probing);
    },
    /** Begins an attempt. The returned function ends it. */
    begin(): (health: Health) => void {
      if (round === 0) return endNoProbe;
      probing += 1;
      if (probing === 1) onChange('half_open');
      const ofRound = round;
      return (health) => endProbe(ofRound, health);
    },
  };
}

/** After this many tenants a round of probes starts again, which bounds its memory. */
const MAX_PROBED = 1000;

/**
 * The circuit of all tenants together. It opens after a number of failures without a success of any tenant, and not
 * within `quietMs` of one. A tenant counts for at most half of the failures, so that one alone does not hold the others
 * back.
 */
function createCommonCircuit(settings: Settings) {
  const { threshold, quietMs, now } = settings;
  const mostOfOne = Math.ceil(threshold / 2);
  let circuit = createCircuit(settings);
  /** Failures since the last success, by tenant. */
  const failures = new Map<string, number>();
  let failureCount = 0;
  let succeededAt = Number.NEGATIVE_INFINITY;
  /** Tenants that have had a probe since the circuit opened, or since the round began. */
  const probed = new Set<string>();

  const forgetFailures = (): void => {
    failures.clear();
    failureCount = 0;
  };

  return {
    isOpen: () => circuit.isOpen(),
    room: () => circuit.room(),
    begin(tenantId: string) {
      if (circuit.isOpen()) {
        if (probed.size >= MAX_PROBED) probed.clear();
        probed.add(tenantId);
      }
      return circuit.begin();
    },
    /** Counts a failure. Returns true if it has opened the circuit. */
    fail(tenantId: string): boolean {
      const ofTenant = failures.get(tenantId) ?? 0;
      if (ofTenant < mostOfOne) {
        failures.set(tenantId, ofTenant + 1);
        failureCount += 1;
      }
      if (failureCount < threshold || now() - succeededAt < quietMs) return false;
      forgetFailures();
      circuit.open();
      return true;
    },
    succeed(): void {
      forgetFailures();
      succeededAt = now();
      if (!circuit.isOpen()) return;
      circuit.close();
      circuit = createCircuit(settings);
      probed.clear();
    },
    probed: () => probed.keys(),
    startRound(): boolean {
      const hadBegun = probed.size > 0;
      probed.clear();
      return hadBegun;
    },
  };
}

export interface CircuitsOptions extends Partial<typeof DEFAULTS> {
  /** `tenantId` is undefined for the common circuit. */
  onChange?: (state: CircuitState, tenantId: string | undefined) => void;
}

export interface Limits {
  /** Attempts of all tenants together; infinite while the common circuit is closed. */
  total: number;
  /** Attempts of a tenant that is not listed. */
  perTenant: number;
  /** Tenants that may send less than that. */
  rooms: Array<{ tenantId: string; room: number }>;
}

/** An attempt under way. */
export interface Pass {
  tenantId: string;
  endOwn: ((health: Health) => void) | undefined;
  endCommon: (health: Health) => void;
  /** When the tenant's failures began, if it had any since its last success. */
  failingSince: number | undefined;
}

/**
 * A circuit for each tenant, and a common one. A tenant's circuit opens after consecutive failures of that tenant. While
 * it is open, the tenant's failures do not count for the common circuit. A tenant without failures takes no memory.
 */
export function createCircuits(options: CircuitsOptions = {}) {
  const settings = { ...DEFAULTS, ...options };
  const onChangeOf = (tenantId?: string) => (state: CircuitState) =>
    options.onChange?.(state, tenantId);
  const common = createCommonCircuit({ ...settings, onChange: onChangeOf() });
  const newTrouble = (tenantId: string) => ({
    circuit: createCircuit({ ...settings, onChange: onChangeOf(tenantId) }),
    since: settings.now(),
    /** Since the tenant's last success. */
    failures: 0,
  });
  const troubled = new Map<string, ReturnType<typeof newTrouble>>();
  let openTenants = 0;
  let hasSucceededSinceOpening = true;

  const succeed = (tenantId: string): void => {
    hasSucceededSinceOpening = true;
    common.succeed();
    const trouble = troubled.get(tenantId);
    if (trouble === undefined) return;
    troubled.delete(tenantId);
    if (trouble.circuit.isOpen()) openTenants -= 1;
    trouble.circuit.close();
  };

  const fail = (tenantId: string): void => {
    const trouble = troubled.get(tenantId) ?? newTrouble(tenantId);
    troubled.set(tenantId, trouble);
    if (trouble.circuit.isOpen()) return;
    trouble.failures += 1;
    // If all tenants fail, the failure is not about this tenant.
    if (common.fail(tenantId)) hasSucceededSinceOpening = false;
    else if (trouble.failures >= settings.threshold) {
      openTenants += 1;
      hasSucceededSinceOpening = false;
      trouble.circuit.open();
    }
  };

  return {
    /** Begins an attempt; undefined while the tenant, or every tenant, is held back. */
    enter(tenantId: string): Pass | undefined {
      const trouble = troubled.get(tenantId);
      if (common.room() === 0 || trouble?.circuit.room() === 0) return undefined;
      return {
        tenantId,
        endOwn: trouble?.circuit.begin(),
        endCommon: common.begin(tenantId),
        failingSince: trouble?.since,
      };
    },
    leave({ tenantId, endOwn, endCommon }: Pass, health: Health): void {
      if (health === 'up') {
        succeed(tenantId);
        return;
      }
      const isForAll = common.isOpen();
      endCommon(health);
      // While all tenants fail, a failed probe shows nothing about its tenant.
      endOwn?.(isForAll ? 'unknown' : health);
      if (health === 'down' && !isForAll) fail(tenantId);
    },
    /** False while nothing at all may be sent. A cheap check before work is taken. */
    available: () => common.room() > 0,
    /** How many attempts may begin now. More would be held back. */
    limits(): Limits {
      const perTenant = common.isOpen() ? 1 : Number.POSITIVE_INFINITY;
      const rooms = new Map<string, number>();
      if (openTenants > 0) {
        for (const [tenantId, { circuit }] of troubled) {
          if (circuit.isOpen()) rooms.set(tenantId, Math.min(circuit.room(), perTenant));
        }
      }
      for (const tenantId of common.probed()) rooms.set(tenantId, 0);
      const list = [...rooms].map(([tenantId, room]) => ({ tenantId, room }));
      return { total: common.room(), perTenant, rooms: list };
    },
    /** Starts a new round of probes, because no other tenant has anything to send. False if no round had begun. */
    startRound: common.startRound,
    /** `isOpen`: nothing gets through at all. `openTenants`: tenants whose own circuit is open. */
    state: () => ({
      isOpen: common.isOpen() || (openTenants > 0 && !hasSucceededSinceOpening),
      openTenants,
    }),
  };
}

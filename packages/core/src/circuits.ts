import { type Circuit, type CircuitState, createCircuit, type Health } from './circuit.ts';

/** Consecutive failures that open a circuit. */
const THRESHOLD = 20;
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 15_000;
/** More than one, so that one attempt that hangs does not decide for all. */
const PROBES = 3;
/** The common circuit opens only after this long without a success: failures of few tenants may come in a burst. */
const QUIET_MS = 250;
/** After this many tenants a round of probes starts again, which bounds its memory. */
const MAX_PROBED = 1000;

export interface CircuitsOptions {
  threshold?: number;
  firstPauseMs?: number;
  maxPauseMs?: number;
  probes?: number;
  quietMs?: number;
  /** A clock that never goes back, in milliseconds. */
  now?: () => number;
  /** `tenantId` is undefined for the common circuit. */
  onChange?: ((state: CircuitState, tenantId: string | undefined) => void) | undefined;
}

/** What may be sent now. */
export interface Limits {
  /** Attempts of all tenants together; infinite while the common circuit is closed. */
  total: number;
  /** Attempts of a tenant that is not listed. */
  perTenant: number;
  /** Tenants that may send less than that. */
  rooms: Array<{ tenantId: string; room: number }>;
}

export interface CircuitsState {
  /** True while this worker gets nothing through to Core. */
  isOpen: boolean;
  /** Tenants whose own circuit is open. */
  openTenants: number;
}

/** An attempt under way. */
export interface Pass {
  tenantId: string;
  tenant: Attempt | undefined;
  common: Attempt;
  /** When the tenant's failures began, if it had any since its last success. */
  failingSince: number | undefined;
}

interface Attempt {
  circuit: Circuit;
  round: number;
}

export interface Circuits {
  /** Begins an attempt; undefined while the tenant, or every tenant, is held back. */
  enter(tenantId: string): Pass | undefined;
  leave(pass: Pass, health: Health): void;
  /** False while nothing at all may be sent. */
  available(): boolean;
  limits(): Limits;
  /** Starts a new round of probes, because no other tenant has anything due. Returns false if no round had begun. */
  startRound(): boolean;
  state(): CircuitsState;
}

interface Trouble {
  circuit: Circuit;
  since: number;
  /** Since the tenant's last success. */
  failures: number;
}

/**
 * A circuit for each tenant, and a common one. A tenant's circuit opens after consecutive failures of that tenant. The
 * common one opens after as many failures without a success of any tenant, and not within QUIET_MS of one. A tenant
 * counts for at most half of them, and not while its own circuit is open. A tenant without failures takes no memory.
 */
export function createCircuits(options: CircuitsOptions = {}): Circuits {
  const { threshold = THRESHOLD, onChange, now = () => performance.now() } = options;
  const { firstPauseMs = FIRST_PAUSE_MS, maxPauseMs = MAX_PAUSE_MS, probes = PROBES } = options;
  const { quietMs = QUIET_MS } = options;
  const newCircuit = () => createCircuit({ firstPauseMs, maxPauseMs, probes, now });
  const mostOfOne = Math.ceil(threshold / 2);

  const troubled = new Map<string, Trouble>();
  let common = newCircuit();
  /** Failures since the last success, by tenant. */
  const failures = new Map<string, number>();
  let failureCount = 0;
  /** Tenants that have had a probe since the common circuit opened, or since the round began. */
  const probed = new Set<string>();
  let openTenants = 0;
  let hasSucceededSinceOpening = true;
  let succeededAt = Number.NEGATIVE_INFINITY;

  const isOpen = (circuit: Circuit) => circuit.state() !== 'closed';

  const begin = (circuit: Circuit, tenantId: string | undefined): Attempt => {
    const before = circuit.state();
    const round = circuit.begin();
    if (circuit.state() !== before) onChange?.('half_open', tenantId);
    return { circuit, round };
  };

  const open = (circuit: Circuit, tenantId: string | undefined): void => {
    circuit.open();
    hasSucceededSinceOpening = false;
    onChange?.('open', tenantId);
  };

  const forgetFailures = (): void => {
    if (failureCount > 0) failures.clear();
    failureCount = 0;
  };

  const succeed = (tenantId: string): void => {
    forgetFailures();
    succeededAt = now();
    hasSucceededSinceOpening = true;
    if (isOpen(common)) {
      common = newCircuit();
      probed.clear();
      onChange?.('closed', undefined);
    }
    const trouble = troubled.get(tenantId);
    if (trouble === undefined) return;
    troubled.delete(tenantId);
    if (!isOpen(trouble.circuit)) return;
    openTenants -= 1;
    onChange?.('closed', tenantId);
  };

  const countForAll = (tenantId: string): void => {
    const ofTenant = failures.get(tenantId) ?? 0;
    if (ofTenant < mostOfOne) {
      failures.set(tenantId, ofTenant + 1);
      failureCount += 1;
    }
    if (failureCount < threshold || now() - succeededAt < quietMs) return;
    forgetFailures();
    open(common, undefined);
  };

  const fail = (tenantId: string): void => {
    const trouble = troubled.get(tenantId) ?? { circuit: newCircuit(), since: now(), failures: 0 };
    troubled.set(tenantId, trouble);
    if (isOpen(trouble.circuit)) return;
    trouble.failures += 1;
    countForAll(tenantId);
    // If all tenants fail, the failure is not about this tenant.
    if (isOpen(common) || trouble.failures < threshold) return;
    openTenants += 1;
    open(trouble.circuit, tenantId);
  };

  /** Ignores an attempt that began under an earlier circuit, which a success has closed since. */
  const end = (
    current: Circuit | undefined,
    { circuit, round }: Attempt,
    health: Health,
    tenantId?: string,
  ): void => {
    if (circuit === current && circuit.end(round, health)) onChange?.('open', tenantId);
  };

  function limits(): Limits {
    const total = common.room();
    const perTenant = isOpen(common) ? 1 : Number.POSITIVE_INFINITY;
    const rooms = new Map<string, number>();
    if (openTenants > 0) {
      for (const [tenantId, { circuit }] of troubled) {
        if (isOpen(circuit)) rooms.set(tenantId, Math.min(circuit.room(), perTenant));
      }
    }
    for (const tenantId of probed) rooms.set(tenantId, 0);
    return { total, perTenant, rooms: [...rooms].map(([tenantId, room]) => ({ tenantId, room })) };
  }

  return {
    enter(tenantId) {
      const trouble = troubled.get(tenantId);
      const own = trouble?.circuit;
      if (common.room() === 0 || own?.room() === 0) return undefined;
      if (isOpen(common)) {
        if (probed.size >= MAX_PROBED) probed.clear();
        probed.add(tenantId);
      }
      return {
        tenantId,
        tenant: own && begin(own, tenantId),
        common: begin(common, undefined),
        failingSince: trouble?.since,
      };
    },
    leave({ tenantId, tenant, common: ofAll }, health) {
      if (health === 'up') return succeed(tenantId);
      const isForAll = isOpen(common);
      end(common, ofAll, health);
      // While all tenants fail, a failed probe shows nothing about its tenant.
      const ofTenant = isForAll ? 'unknown' : health;
      if (tenant) end(troubled.get(tenantId)?.circuit, tenant, ofTenant, tenantId);
      if (health === 'down' && !isForAll) fail(tenantId);
    },
    available: () => common.room() > 0,
    limits,
    startRound() {
      const hadBegun = probed.size > 0;
      probed.clear();
      return hadBegun;
    },
    state: () => ({
      isOpen: isOpen(common) || (openTenants > 0 && !hasSucceededSinceOpening),
      openTenants,
    }),
  };
}

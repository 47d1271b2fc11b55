/** Findings of the leaves of a valid batch: signatures, chains, times, classes, policies, repetitions. */
import { controlFacts } from '../ledger/ctl.ts';
import type { Entry } from '../entry/entry.ts';
import { finding } from './findings.ts';
import type { Finding, FindingPlace } from './findings.ts';
import { verifyJws } from '../json/jws.ts';
import type { Certificates } from '../log/key-status.ts';
import { endedHead, nextBootHead } from '../log/effects.ts';
import { bootHead, bootKey, entryIdentity } from '../ledger/log-position.ts';
import { heardOfSuccessor } from '../log/policy-charge.ts';
import type { Activation, BootHead, LogState } from '../ledger/log-position.ts';

const DAY_MS = 86_400_000;

/** What a caller remembers of the whole log. Each may know nothing. */
export interface LogMemory {
  /** Index of an earlier entry with this id. */
  readonly indexOfId?: (jti: string) => number | undefined;
  /** The first entry with this idempotency key. */
  readonly firstWithKey?: (idk: string) => FirstWithKey | undefined;
}

/** The first entry with an idempotency key is the one. */
export interface FirstWithKey {
  readonly index: number;
  readonly idb: string;
}

interface Leaf {
  readonly entry: Entry;
  readonly index: number;
  readonly place: FindingPlace;
  /** Of its boot, before it. */
  readonly head: BootHead | undefined;
}

/** Findings that need nothing but the leaves and the state before them. */
export function leafFindings(
  state: LogState,
  entries: readonly Entry[],
  time: number,
  number: number,
): Finding[] {
  const heads = new Map<string, BootHead>();
  return entries.flatMap((entry, offset) => {
    const { wtr } = entry.payload;
    const key = bootKey(wtr.id, wtr.boot);
    const head = heads.get(key) ?? state.boots.get(key);
    const index = state.size + offset;
    heads.set(key, nextBootHead(head, 0, entry, entryIdentity(entry)));
    const before = endedHead(entry, (boot) => {
      return heads.get(bootKey(wtr.id, boot)) ?? bootHead(state, wtr.id, boot);
    });
    if (before !== undefined) heads.set(bootKey(wtr.id, before.boot), before);
    const place = { batch: number, index, writer: wtr.id, boot: wtr.boot, seq: wtr.seq };
    const leaf = { entry, index, place, head };
    return [
      ...chainFindings(state, leaf, heads),
      ...timeFindings(state, leaf, time),
      ...retentionFindings(state, leaf),
      ...adoptionFindings(state, leaf),
      ...policyFindings(state, leaf, time),
      ...(entry.known ? [] : [finding('unknown_kind', place, entry.payload.kind)]),
    ];
  });
}

/** One Ed25519 or P-256 verification a leaf: what costs most. */
export function signatureFindings(
  state: LogState,
  entries: readonly Entry[],
  certificates: Certificates,
  number: number,
): Finding[] {
  return entries.flatMap((entry, offset) => {
    const certificate = certificates.get(entry.header.kid);
    if (certificate !== undefined && verifyJws(entry, certificate.jwk, certificate.alg)) return [];
    const at = { batch: number, index: state.size + offset };
    return [finding('leaf_signature', at, `by key ${entry.header.kid}`)];
  });
}

/** Ids and idempotency keys that occurred before, in the log or in this batch. */
export function repetitionFindings(
  state: LogState,
  entries: readonly Entry[],
  memory: LogMemory,
  number: number,
): Finding[] {
  const here = new Map<string, FirstWithKey>();
  return entries.flatMap(({ payload: { jti, idk, idb = '' } }, offset) => {
    const index = state.size + offset;
    const at = { batch: number, index };
    const found: Finding[] = [];
    const earlier = memory.indexOfId?.(jti);
    if (earlier !== undefined) found.push(finding('duplicate_jti', at, `as entry ${earlier}`));
    if (idk === undefined) return found;
    const first = memory.firstWithKey?.(idk) ?? here.get(idk);
    if (first === undefined) here.set(idk, { index, idb });
    else if (first.idb === idb) found.push(finding('duplicate_idk', at, `as entry ${first.index}`));
    else found.push(finding('idempotency_conflict', at, `with entry ${first.index}`));
    return found;
  });
}

function chainFindings(
  state: LogState,
  { entry, place, head }: Leaf,
  heads: ReadonlyMap<string, BootHead>,
): Finding[] {
  const { wtr, kind } = entry.payload;
  if (head === undefined) {
    const begins = wtr.seq === 0 && kind === 'boot';
    const missing = begins
      ? []
      : [finding('boot_missing', place, `begins with ${kind} ${wtr.seq}`)];
    return [...missing, ...(begins ? bootFindings(state, entry, place, heads) : [])];
  }
  const over = head.end !== null && wtr.seq > head.end;
  const found = over ? [finding('after_close', place, `${kind} after the end`)] : [];
  if (wtr.seq !== head.seq + 1) {
    const detail = `${head.seq + 1} to ${wtr.seq - 1}`;
    return [...found, finding('seq_hole', place, detail)];
  }
  const linked = wtr.prev === head.hash;
  return linked ? found : [...found, finding('chain_prev', place, `after ${head.seq}`)];
}

/** A boot entry says what its journal knew of the boot before it: that is held against the log. */
function bootFindings(
  state: LogState,
  entry: Entry,
  place: FindingPlace,
  heads: ReadonlyMap<string, BootHead>,
): Finding[] {
  const { wtr, ctl } = entry.payload;
  const { prevBoot, lastSeq } = controlFacts('boot', ctl);
  if (prevBoot === null || lastSeq === null) {
    const first = wtr.prev === entry.payload.gen && state.writers.get(wtr.id) === undefined;
    return first
      ? []
      : [finding('writer_clone', place, 'boot of a known writer knows none before')];
  }
  const before = heads.get(bootKey(wtr.id, prevBoot)) ?? bootHead(state, wtr.id, prevBoot);
  const seq = before?.seq ?? -1;
  if (seq > lastSeq) {
    return [finding('writer_clone', place, `knows ${lastSeq} of the boot before, the log ${seq}`)];
  }
  if (seq < lastSeq) {
    const where = { ...place, boot: prevBoot, seq: lastSeq };
    return [finding('seq_hole', where, `${seq + 1} to ${lastSeq} at the end of a boot`)];
  }
  return wtr.prev === before?.hash ? [] : [finding('chain_prev', place, 'across boots')];
}

function timeFindings(state: LogState, { entry, place, head }: Leaf, time: number): Finding[] {
  const { at, sby } = entry.payload;
  const { maxDecisionMs, maxSealMs } = state.config;
  const found: Finding[] = [];
  if (head !== undefined && at < head.at - maxDecisionMs) {
    found.push(finding('time_order', place, `${head.at - at} ms`));
  }
  if (time > sby) found.push(finding('late_seal', place, `${time - sby} ms`));
  if (sby > at + maxSealMs) found.push(finding('long_promise', place, `${sby - at} ms`));
  return found;
}

function retentionFindings(state: LogState, { entry, place }: Leaf): Finding[] {
  const { ret, lbl = {}, at } = entry.payload;
  const { classes, labels } = state.config;
  const found = Object.keys(lbl)
    .filter((name) => !labels.includes(name))
    .map((name) => finding('unknown_label', place, name));
  const wanted = Object.hasOwn(classes, ret.class) ? classes[ret.class] : undefined;
  if (wanted === undefined) {
    return [...found, finding('class_mismatch', place, `${ret.class} is not in the table`)];
  }
  if (wanted.mode !== ret.mode) found.push(finding('class_mismatch', place, `mode ${ret.mode}`));
  if (ret.until === null) return found;
  // Locks have whole seconds, so a period may lose what is below one.
  const days = (ret.until - at) / DAY_MS;
  const slack = 1000 / DAY_MS;
  if (wanted.days !== null && days < wanted.days - slack) {
    found.push(finding('class_mismatch', place, `${days} days, want ${wanted.days}`));
  }
  if (wanted.maxDays !== undefined && days > wanted.maxDays + slack) {
    found.push(finding('class_mismatch', place, `${days} days, at most ${wanted.maxDays}`));
  }
  return found;
}

/** Whether the policies that a control entry names are in charge, or were. */
function adoptionFindings(state: LogState, { entry, place }: Leaf): Finding[] {
  const { kind, ctl } = entry.payload;
  if (kind === 'boot') {
    const { policy } = controlFacts(kind, ctl);
    const known = policy === null || state.policies.get(policy) !== undefined;
    return known ? [] : [finding('not_activated', place, policy)];
  }
  if (kind !== 'policy') return [];
  const { act, id, activation } = controlFacts(kind, ctl);
  if (act !== 'adopt') return [];
  const cited = id === null ? undefined : state.policies.get(id)?.index;
  return cited === activation ? [] : [finding('not_activated', place, id ?? 'no policy')];
}

/** Whether the entry was decided by the policy that its boot had adopted, and in time. */
function policyFindings(state: LogState, { entry, place, head }: Leaf, time: number): Finding[] {
  const { pol, was } = entry.payload;
  const id = pol?.id ?? null;
  if (id === null) return [];
  const adopted = head?.policy ?? state.genesis.policy?.id;
  const activation = state.policies.get(id);
  // What is issued again was decided under another boot, whose adoptions its reader may not have.
  const isReissue = was !== undefined && activation !== undefined;
  if (id !== adopted && !isReissue) return [finding('not_adopted', place, id)];
  return activation === undefined ? [] : staleFindings(state, { entry, place }, activation, time);
}

/** Whether a policy that has a successor decided when its time was over, and whether the writer knew better. */
function staleFindings(
  state: LogState,
  { entry, place }: Pick<Leaf, 'entry' | 'place'>,
  activation: Activation,
  time: number,
): Finding[] {
  const { at, kind, wtr } = entry.payload;
  const { until } = activation;
  // By which policy a change of it may be decided is judged with its effect.
  if (until === null || at <= until || kind === 'policy') return [];
  const heard = heardOfSuccessor(state, wtr.id, activation) ?? Infinity;
  // What a writer took before it heard of it may be old, and may be sealed late. Nothing of later.
  const last = Math.max(until, heard) + state.config.maxSealMs;
  const code = Math.min(at, time) > last ? 'superseded_policy' : 'stale_policy';
  return [finding(code, place, `${at - until} ms`)];
}

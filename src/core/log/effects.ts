/**
 * What a valid batch changes in the state of its log: heads of writers and boots, and what control entries say. The
 * effects hold from the next batch on. A control entry whose statement does not stand has none, and is a finding.
 */
import type { BatchHeader } from './batch-header.ts';
import { badStatement, noEffect } from './control-fault.ts';
import type { ControlFault } from './control-fault.ts';
import { controlFacts } from '../ledger/ctl.ts';
import type { Entry } from '../entry/entry.ts';
import type { Sha256Hash } from '../tree/hash.ts';
import { jwkThumbprint } from '../json/jws.ts';
import { statementIdentity, withCertificates } from './key-status.ts';
import type { Certificates } from './key-status.ts';
import { authorityOf, changeConfig } from '../ledger/config.ts';
import { bootHead, bootKey, entryIdentity } from '../ledger/log-position.ts';
import type { BootHead, KeyRecord, LogState, WriterHead } from '../ledger/log-position.ts';
import { PersistentMap } from '../ledger/persistent-map.ts';
import { isNewerFormat } from '../json/newer-format.ts';
import { adoptedPolicy, withAdoption, withHeard } from './policy-charge.ts';
import { policyEffect } from './policy-effect.ts';
import { caughtMalformed } from '../entry/schema.ts';
import { parseGapStatement, parseKeyStatement } from '../ledger/statement.ts';
import type { RightEdge } from '../tree/tree.ts';

/** A valid batch, as far as the state goes. */
export interface ValidBatch {
  readonly header: BatchHeader;
  readonly entries: readonly Entry[];
  readonly certificates: Certificates;
  readonly edge: RightEdge;
  readonly sha256: Sha256Hash;
  readonly versionId: string | null;
}

/** The state after a batch that has passed every check. */
export function advance(state: LogState, batch: ValidBatch): LogState {
  const { header, entries, edge } = batch;
  const leaves = withLeaves(state, entries, batch.certificates);
  const moved: LogState = {
    ...leaves,
    writers: withHeard(leaves, header),
    number: header.number,
    sha256: batch.sha256,
    versionId: batch.versionId,
    size: edge.size,
    edge,
    time: header.time,
    final: header.final,
  };
  return entries.reduce((current, entry, offset) => {
    const effect = controlEffect(current, entry, header.first + offset);
    return 'code' in effect ? current : effect;
  }, moved);
}

/** The state as far as control entries ask for it: heads and keys with all of the batch, before any effect. */
export function withLeaves(
  state: LogState,
  entries: readonly Entry[],
  certificates: Certificates,
): LogState {
  return {
    ...state,
    ...movedHeads(state, entries),
    keys: withCertificates(state.keys, certificates),
    verified: withVerified(state, certificates),
  };
}

/**
 * The state after a control entry, or why it has no effect.
 * @throws {@link MalformedError} `unsupported_version`: the root said something in a newer format, so stop.
 */
export function controlEffect(
  state: LogState,
  entry: Entry,
  index: number,
): LogState | ControlFault {
  const { kind } = entry.payload;
  try {
    if (kind === 'key') return keyEffect(state, entry);
    if (kind === 'config') return configEffect(state, entry);
    if (kind === 'gap') return gapEffect(state, entry);
    if (kind === 'alert') return alertEffect(state, entry);
    if (kind === 'boot') return withAdoption(state, entry, index);
    return kind === 'policy' ? policyEffect(state, entry, index) : state;
  } catch (error) {
    const malformed = caughtMalformed(error);
    if (isNewerFormat(malformed)) throw malformed;
    return badStatement(malformed.message);
  }
}

/**
 * The head of a boot after one more leaf. An adoption holds from the next leaf on, not from the next batch.
 *
 * @param order - Which boot of its writer it is.
 * @param hash - Of its signing input, base64url.
 */
export function nextBootHead(
  head: BootHead | undefined,
  order: number,
  entry: Entry,
  hash: string,
): BootHead {
  const { kind, wtr, at } = entry.payload;
  const adopted = adoptedPolicy(entry);
  return {
    writer: wtr.id,
    boot: wtr.boot,
    order,
    seq: wtr.seq,
    hash,
    at: Math.max(head?.at ?? 0, at),
    policy: adopted ?? head?.policy ?? null,
    end: kind === 'close' ? endAt(head, wtr.seq) : (head?.end ?? null),
  };
}

/** The end of a boot that was declared to end with `seq`: of several, the first holds. */
function endAt(head: BootHead | undefined, seq: number): number {
  return Math.min(head?.end ?? seq, seq);
}

/**
 * The boot before, ended by a `boot` entry that says what its journal knew of it. What follows on that comes from a
 * clone, or from somebody who has an old key.
 *
 * @param headOf - The head of a boot of the same writer, before the entry.
 * @returns undefined where the entry ends none that the log has.
 */
export function endedHead(
  { payload: { kind, ctl } }: Entry,
  headOf: (boot: string) => BootHead | undefined,
): BootHead | undefined {
  if (kind !== 'boot') return undefined;
  const { prevBoot, lastSeq } = controlFacts(kind, ctl);
  const head = prevBoot === null ? undefined : headOf(prevBoot);
  return head === undefined || lastSeq === null
    ? undefined
    : { ...head, end: endAt(head, lastSeq) };
}

/** A writer that the log has not met. */
const NO_BOOTS: WriterHead = { boots: 0, boot: '', heard: [] };

function movedHeads(
  state: LogState,
  entries: readonly Entry[],
): Pick<LogState, 'writers' | 'boots'> {
  const boots = new Map<string, BootHead>();
  const writers = new Map<string, WriterHead>();
  for (const [offset, entry] of entries.entries()) {
    const { wtr } = entry.payload;
    const key = bootKey(wtr.id, wtr.boot);
    const head = boots.get(key) ?? state.boots.get(key);
    const writer = writers.get(wtr.id) ?? state.writers.get(wtr.id) ?? NO_BOOTS;
    const order = head?.order ?? writer.boots;
    // Only the last leaf of a run is hashed: no other leaf of it can be the last of its boot here.
    const next = entries[offset + 1]?.payload.wtr;
    const last = next?.boot !== wtr.boot || next.id !== wtr.id;
    boots.set(key, nextBootHead(head, order, entry, last ? entryIdentity(entry) : ''));
    const before = endedHead(entry, (boot) => {
      const other = bootKey(wtr.id, boot);
      return boots.get(other) ?? state.boots.get(other);
    });
    if (before !== undefined) boots.set(bootKey(before.writer, before.boot), before);
    const count = Math.max(writer.boots, order + 1);
    writers.set(wtr.id, { ...writer, boots: count, boot: wtr.boot });
  }
  return { writers: withAll(state.writers, writers), boots: withAll(state.boots, boots) };
}

function withAll<V>(map: PersistentMap<V>, changed: ReadonlyMap<string, V>): PersistentMap<V> {
  let grown = map;
  for (const [key, value] of changed) grown = grown.with(key, value);
  return grown;
}

function withVerified(state: LogState, certificates: Certificates): LogState['verified'] {
  let verified = state.verified;
  for (const certificate of certificates.values()) {
    const identity = statementIdentity(certificate.statement);
    if (verified.get(identity) === undefined) verified = verified.with(identity, certificate);
  }
  return verified;
}

function keyEffect(state: LogState, entry: Entry): LogState | ControlFault {
  const { statement } = controlFacts('key', entry.payload.ctl);
  const says = parseKeyStatement(statement, authorityOf(state.genesis, state.config));
  const record = state.keys.get(says.kid);
  if (says.act === 'certify') {
    if (record !== undefined && record.status !== 'certified') {
      return noEffect(`key ${says.kid} is ${record.status} for ever`);
    }
    return state;
  }
  // A repeated statement, which anybody can copy, must not move the end of a key.
  if (record?.status === 'revoked' || (says.act === 'retire' && record?.status === 'retired')) {
    return noEffect(`key ${says.kid} is ${record.status} already`);
  }
  const { kid } = says;
  const certificate = record?.certificate ?? null;
  const until = record?.until ?? state.size;
  return says.act === 'revoke'
    ? withKey(state, { kid, certificate, until, status: 'revoked', final: null })
    : withKey(state, { kid, certificate, until, status: 'retired', final: says.final });
}

function withKey(state: LogState, record: KeyRecord): LogState {
  return { ...state, keys: state.keys.with(record.kid, record) };
}

function configEffect(state: LogState, entry: Entry): LogState | ControlFault {
  const { statement } = controlFacts('config', entry.payload.ctl);
  const config = changeConfig(statement, state.genesis, state.config);
  // Three kinds of keys, never mixed: a certificate of a root key is refused where it is parsed.
  const certified = config.roots.keys.map(jwkThumbprint).find((kid) => state.keys.get(kid));
  if (certified !== undefined) return badStatement(`key ${certified} is certified for something`);
  // What other roots vouched for has to be vouched for again.
  const verified =
    config.roots === state.config.roots ? state.verified : PersistentMap.empty<never>();
  return { ...state, config, verified };
}

function gapEffect(state: LogState, entry: Entry): LogState | ControlFault {
  const { writer, boot, first, last, reason, statement } = controlFacts('gap', entry.payload.ctl);
  if (statement !== undefined) {
    const says = parseGapStatement(statement, authorityOf(state.genesis, state.config));
    const same = [says.writer === writer, says.boot === boot, says.first === first];
    if (![...same, says.last === last, says.reason === reason].every(Boolean)) {
      return badStatement('gap and its statement differ');
    }
  } else if (entry.payload.wtr.id !== writer) {
    return badStatement('gap of another writer has no statement of the root');
  }
  const head = bootHead(state, writer, boot);
  if (head === undefined || last !== null) return state;
  const ended = { ...head, end: endAt(head, head.seq) };
  return { ...state, boots: state.boots.with(bootKey(writer, boot), ended) };
}

/** The alert of an activation that broke the glass; any other says nothing to the state. */
function alertEffect(state: LogState, entry: Entry): LogState {
  const { source, severity } = controlFacts('alert', entry.payload.ctl);
  const alarm = state.alarms.get(String(source));
  if (alarm === undefined || severity !== 'critical') return state;
  return { ...state, alarms: state.alarms.with(String(source), { ...alarm, raised: true }) };
}

/** Findings that a valid batch shows by itself, against the state before it. Pure. */
import type { Batch } from '../log/batch.ts';
import { voidsDigest } from '../log/batch-header.ts';
import type { VoidSlot } from '../log/batch-header.ts';
import { equalBytes } from '../platform/bytes.ts';
import { openCheckpoint } from '../tree/checkpoint.ts';
import { controlFacts } from '../ledger/ctl.ts';
import { decisionFindings } from './decision-findings.ts';
import { leafFindings, repetitionFindings, signatureFindings } from './entry-findings.ts';
import type { LogMemory } from './entry-findings.ts';
import { finding } from './findings.ts';
import type { Finding } from './findings.ts';
import { EMPTY_ROOT } from '../tree/hash.ts';
import type { Sha256Hash } from '../tree/hash.ts';
import { readCertificates } from '../log/key-status.ts';
import type { Certificates } from '../log/key-status.ts';
import { controlEffect, withLeaves } from '../log/effects.ts';
import { bootHead } from '../ledger/log-position.ts';
import type { LogState } from '../ledger/log-position.ts';
import { membersFault } from '../log/payload-object.ts';
import { caughtMalformed } from '../entry/schema.ts';
import { parseVkey, verifierOf } from '../tree/signed-note.ts';
import { parseKeyStatement } from '../ledger/statement.ts';
import { authorityOf } from '../ledger/config.ts';
import { edgeRoot } from '../tree/tree.ts';

const DAY_MS = 86_400_000;
/** Void numbers that are named one by one: whoever has a writer's key can claim any number of them. */
const VOIDS_NAMED_MAX = 1000;

/** What a caller knows beside the batch. What is left out is not looked at. */
export interface FindingsContext extends LogMemory {
  /** Roots of earlier sizes. Without `knowsAllRoots`, undefined says that the root is not known. */
  readonly rootAt?: (size: number) => Sha256Hash | undefined;
  /** Default false. Whether `rootAt` knows the end of every batch: then no honest checkpoint has another size. */
  readonly knowsAllRoots?: boolean;
  /** What was found on the numbers that the batch declares void. */
  readonly voids?: readonly VoidSlot[];
  /** Default true. Without, a signature a leaf is saved. */
  readonly signatures?: boolean;
}

/**
 * All findings of a batch that `applyBatch` accepted on `state`.
 *
 * @param state - Before the batch.
 */
export function findingsOf(
  state: LogState,
  batch: Batch,
  context: FindingsContext = {},
): Finding[] {
  const { header, entries } = batch;
  const { number, time } = header;
  const certificates = readCertificates(state, header.certs);
  return [
    ...placeFindings(state, batch, context),
    ...dateFindings(state, batch),
    ...lockFindings(state, batch),
    ...checkpointFindings(state, batch, certificates, context),
    ...(context.signatures === false
      ? []
      : signatureFindings(state, entries, certificates, number)),
    ...leafFindings(state, entries, time, number),
    ...decisionFindings(batch),
    ...repetitionFindings(state, entries, context, number),
    ...controlFindings(withLeaves(state, entries, certificates), batch),
  ];
}

/** Where the batch stands: versions, voids, silence before it, and the shape of its payload references. */
function placeFindings(state: LogState, { header }: Batch, context: FindingsContext): Finding[] {
  const { number, previous, voids } = header;
  const at = { batch: number };
  const found: Finding[] = [];
  if (state.versionId !== null && previous.versionId !== state.versionId) {
    const detail = `names version ${previous.versionId}, found ${state.versionId}`;
    found.push(finding('version_mismatch', at, detail));
  }
  const { first = number, count = 0 } = voids ?? {};
  for (let slot = first; slot < first + Math.min(count, VOIDS_NAMED_MAX); slot += 1) {
    found.push(finding('void_batch', { batch: slot }, `one of ${count} before batch ${number}`));
  }
  if (
    context.voids !== undefined &&
    voids !== null &&
    voidsDigest(context.voids) !== voids.digest
  ) {
    found.push(finding('void_mismatch', at, `${voids.count} from ${voids.first}`));
  }
  const silence = header.time - state.time;
  if (state.number >= 0 && silence > state.config.heartbeatMs + state.config.maxSealMs) {
    found.push(finding('silent_period', at, `${silence} ms`));
  }
  for (const payload of header.payloads) {
    const fault = membersFault(payload, header.count);
    if (fault !== undefined) {
      found.push(finding('payload_mismatch', { ...at, key: payload.key }, fault));
    }
  }
  return found;
}

/**
 * A batch that is dated back asks for shorter locks and lets late entries look punctual. One that is dated ahead shows
 * in its entries: `late_seal`, or `long_promise`.
 */
function dateFindings(state: LogState, { header, entries }: Batch): Finding[] {
  const { maxDecisionMs, maxSealMs } = state.config;
  const { number, time } = header;
  const latest = entries.reduce((last, { payload }) => Math.max(last, payload.at), 0);
  const found: Finding[] = [];
  if (time < state.time - maxSealMs) {
    const detail = `${state.time - time} ms before the batch before it`;
    found.push(finding('batch_time', { batch: number }, detail));
  }
  if (time < latest - maxDecisionMs) {
    const detail = `${latest - time} ms before an entry of it`;
    found.push(finding('batch_time', { batch: number }, detail));
  }
  return found;
}

/** Whether the declared locks reach as far as genesis and the entries ask. */
function lockFindings(state: LogState, { header, entries }: Batch): Finding[] {
  const { batchLock } = state.config;
  const at = { batch: header.number };
  const found: Finding[] = [];
  const reach = (until: number | null): number => until ?? 0;
  const latest = entries.reduce((last, { payload }) => Math.max(last, reach(payload.ret.until)), 0);
  const floor = header.time + batchLock.days * DAY_MS;
  const wanted = floorSecond(Math.max(floor, latest));
  if (batchLock.mode !== 'none') {
    if (header.mode === 'none' || reach(header.retainUntil) < wanted) {
      found.push(finding('short_lock', at, `batch until ${header.retainUntil}, want ${wanted}`));
    }
    if (batchLock.mode === 'compliance' && header.mode === 'governance') {
      found.push(finding('short_lock', at, 'batch in governance mode, want compliance'));
    }
  }
  // Once for all payloads, whose number a header may choose.
  const latestOf = new Map<string, number>();
  for (const { payload } of entries) {
    const { ret, _sd } = payload;
    const group = `${ret.class} ${ret.mode}`;
    if (_sd !== undefined) {
      latestOf.set(group, Math.max(latestOf.get(group) ?? 0, reach(ret.until)));
    }
  }
  for (const { key, class: name, mode, retainUntil } of header.payloads) {
    const until = latestOf.get(`${name} ${mode}`) ?? 0;
    if (mode !== 'none' && reach(retainUntil) < floorSecond(until)) {
      found.push(finding('short_lock', { ...at, key }, `until ${retainUntil}, want ${until}`));
    }
  }
  return found;
}

/** Checkpoints that the batch carries: of earlier sizes of this very tree, by certified keys that still might sign. */
function checkpointFindings(
  state: LogState,
  { header }: Batch,
  certificates: Certificates,
  context: FindingsContext,
): Finding[] {
  const trusted = [...certificates.values()].flatMap((certificate) =>
    certificate.use === 'checkpoint' ? [certificate] : [],
  );
  const verifiers = trusted.map(({ vkey }) => verifierOf(parseVkey(vkey)));
  return header.checkpoints.flatMap((note, i) => {
    const fault = checkpointFault();
    return fault === undefined
      ? []
      : [finding('bad_checkpoint', { batch: header.number }, `checkpoint ${i}: ${fault}`)];

    function checkpointFault(): string | undefined {
      try {
        const opened = openCheckpoint(note, state.genesis.origin, verifiers);
        const { size, root } = opened.checkpoint;
        if (size > state.size) return `size ${size} is not of an earlier tree`;
        const known = knownRoot(state, context, size);
        if (known === undefined && context.knowsAllRoots === true) {
          return `no batch ended at size ${size}`;
        }
        if (known !== undefined && !equalBytes(known, root)) return `root of size ${size} differs`;
        const expired = trusted.find(({ vkey, kid }) => {
          const signed = opened.verified.some(({ id }) => id === parseVkey(vkey).id);
          const until = state.keys.get(kid)?.until ?? null;
          return signed && until !== null && size > until;
        });
        return expired === undefined ? undefined : `key ${expired.kid} was out of use at ${size}`;
      } catch (error) {
        const { code, message } = caughtMalformed(error);
        return `${code}: ${message}`;
      }
    }
  });
}

/** Control entries without effect, declared losses, and retirements that come after the fact. */
function controlFindings(state: LogState, { header, entries }: Batch): Finding[] {
  const found: Finding[] = [];
  let current: LogState = state;
  for (const [offset, entry] of entries.entries()) {
    const index = header.first + offset;
    const at = { batch: header.number, index };
    const effect = controlEffect(current, entry, index);
    if ('code' in effect) {
      found.push(finding(effect.code, at, effect.detail));
      continue;
    }
    const { kind, ctl } = entry.payload;
    if (kind === 'gap') {
      const { writer, boot, first, last, reason } = controlFacts('gap', ctl);
      const lost = `${first} to ${last ?? 'the end'}: ${reason}`;
      found.push(finding('gap', { ...at, writer, boot }, lost));
    } else if (kind === 'key') {
      const past = pastFinal(current, controlFacts('key', ctl).statement);
      if (past !== undefined) found.push(finding('past_final', at, past));
    }
    current = effect;
  }
  return found;
}

/** A retirement names the last that a key signed; the log should not have more of that boot already. */
function pastFinal(state: LogState, statement: readonly string[]): string | undefined {
  const says = parseKeyStatement(statement, authorityOf(state.genesis, state.config));
  if (says.act !== 'retire' || says.final === null) return undefined;
  const certificate = state.keys.get(says.kid)?.certificate;
  if (certificate?.use !== 'writer') return undefined;
  const seq = bootHead(state, certificate.writer, says.final.boot)?.seq ?? -1;
  return seq > says.final.seq ? `final is ${says.final.seq}, the log has ${seq}` : undefined;
}

function knownRoot(
  { size, edge }: LogState,
  { rootAt }: FindingsContext,
  at: number,
): Sha256Hash | undefined {
  if (at === size) return edgeRoot(edge);
  return at === 0 ? EMPTY_ROOT : rootAt?.(at);
}

function floorSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

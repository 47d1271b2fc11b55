/** The program of a replay's thread: unpacks members of payload objects and decides their records again. */
import { parentPort, workerData } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import { isJsonObject, parsePointer, valueAt } from '../../core/json/json-pointer.ts';
import { utf8Text } from '../../core/platform/bytes.ts';
import { MEMBER_BYTES_MAX } from '../../core/log/payload-object.ts';
import { inputText, parseRecord } from '../../core/record/record.ts';
import type { StoredRecord } from '../../core/record/record.ts';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { ENTRYPOINTS } from '../contract/decision.ts';
import { PolicyEngine } from '../engine/engine.ts';
import type { CompiledPolicy } from '../engine/engine.ts';
import type { LedgerTable } from '../decide/effect.ts';
import { cannot, decisionOfRecord, reexecute } from '../decide/reexecute.ts';
import type { Reexecution } from '../decide/reexecute.ts';
import { compareDecision, NOT_ASKED } from './replay.ts';
import type { Change, LeafFacts } from './replay.ts';

/** A condition on records: a pointer into the record, and the text of the value there. */
export interface Condition {
  readonly pointer: string;
  readonly text: string;
}

/** What a replay's thread is started with. */
export interface ReplayStart {
  /** Two numbers: the message and the leaf of it that are being decided. */
  readonly place: SharedArrayBuffer;
  readonly mode: 'reexecute' | 'replay';
  readonly where: readonly Condition[];
}

/** Leaves with the stored bytes that hold their records. */
export interface ReplayMessage {
  readonly number: number;
  /** Whole gzip members. */
  readonly members: Uint8Array;
  /** How many members those are. */
  readonly count: number;
  readonly leaves: readonly LeafFacts[];
  readonly table: LedgerTable;
  /** Identity by which each leaf is decided; null: by the one that it names. */
  readonly candidate: string | null;
  /** Policies that this thread has not had yet. */
  readonly policies: Readonly<Record<string, CompiledPolicy>>;
  /** Leaves that took too long before, by their position. */
  readonly timedOut: readonly number[];
}

/** What came of one leaf. */
export interface LeafOutcome extends Reexecution {
  readonly index: number;
  /** What the leaf says was decided. */
  readonly allow: boolean;
  readonly changes: readonly Change[];
}

/** What came of one message. */
export interface ReplayAnswer {
  readonly number: number;
  /** Leaves that were decided as before are only counted. */
  readonly identical: number;
  /** Leaves that the conditions leave out. */
  readonly skipped: number;
  /** Allowed appends whose event is perhaps not the one that was sent. */
  readonly masked: number;
  readonly outcomes: readonly LeafOutcome[];
  /** Milliseconds of each decision that was made. */
  readonly times: Float32Array;
}

interface Found {
  readonly record: StoredRecord;
  /** Its line, as it is stored. */
  readonly line: string;
}

const REPLAYED: readonly string[] = [ENTRYPOINTS.append, ENTRYPOINTS.read];
/** A record may be larger than a member. */
const LINE_BYTES_MAX = 16_777_216;
/** Instances cost memory, and a log changes its policy rarely. */
const ENGINES_MAX = 4;

if (parentPort === null) throw new Error('this program runs as a worker thread');
const port = parentPort;
const { place, mode, where } = workerData as ReplayStart;
const current = new Int32Array(place);
const compiled = new Map<string, CompiledPolicy>();
const engines = new Map<string, PolicyEngine>();

port.on('message', (message: ReplayMessage) => {
  for (const [id, policy] of Object.entries(message.policies)) compiled.set(id, policy);
  port.postMessage(answer(message));
});

function answer(message: ReplayMessage): ReplayAnswer {
  const { leaves, number } = message;
  const records = recordsOf(message);
  const outcomes: LeafOutcome[] = [];
  const times: number[] = [];
  const counts = { identical: 0, skipped: 0, masked: 0 };
  for (const [position, leaf] of leaves.entries()) {
    Atomics.store(current, 1, position);
    Atomics.store(current, 0, number);
    const { record, line } = records.get(leaf.jti) ?? { record: null, line: '' };
    if (record !== null && !isWanted(record)) {
      counts.skipped += 1;
      continue;
    }
    if (record !== null && isPerhapsMasked(leaf, record)) counts.masked += 1;
    const start = performance.now();
    const outcome = message.timedOut.includes(position)
      ? tooLong(leaf)
      : decide(message, leaf, record, line);
    if (outcome.verdict !== 'not_reexecutable') times.push(performance.now() - start);
    if (outcome.verdict === 'identical') counts.identical += 1;
    else outcomes.push({ index: leaf.index, allow: leaf.allow, ...outcome });
  }
  Atomics.store(current, 0, -1);
  return { number, ...counts, outcomes, times: Float32Array.from(times) };
}

function decide(
  { table, candidate }: ReplayMessage,
  leaf: LeafFacts,
  record: StoredRecord | null,
  line: string,
): Omit<LeafOutcome, 'index' | 'allow'> {
  if (record === null) return { ...cannot('record is not there, or not readable'), changes: [] };
  const { entrypoint, err } = leaf;
  const outcome = err === undefined ? { entrypoint } : { entrypoint, err };
  const decision = decisionOfRecord(outcome, record);
  if ('verdict' in decision) return { ...decision, changes: [] };
  const engine = engineOf(candidate ?? leaf.policy ?? '');
  if (engine === undefined) return { ...cannot('no policy is at hand'), changes: [] };
  if (mode === 'reexecute') return { ...reexecute(engine, decision), changes: [] };
  if (entrypoint === ENTRYPOINTS.admin) return { ...cannot(NOT_ASKED), changes: [] };
  if (!REPLAYED.includes(entrypoint)) {
    return { ...cannot(`a candidate is not asked ${entrypoint}`), changes: [] };
  }
  // What was withheld is no input to decide on; a policy that failed on a whole one may be tried.
  if (decision.input['withheld'] !== undefined) {
    return { ...reexecute(engine, decision), changes: [] };
  }
  const asked = { ...decision, text: inputText(line) };
  const changes = compareDecision(engine, leaf, asked, table);
  return { verdict: changes.length === 0 ? 'identical' : 'different', detail: '', changes };
}

function tooLong({ allow, err }: LeafFacts): Omit<LeafOutcome, 'index' | 'allow'> {
  if (mode === 'reexecute') return { ...cannot('it takes too long here'), changes: [] };
  const changes: Change[] = allow ? [{ kind: 'allow_to_deny', detail: 'policy_timeout' }] : [];
  changes.push({ kind: 'error', detail: `${err ?? 'none'} -> policy_timeout` });
  return { verdict: 'different', detail: '', changes };
}

function engineOf(id: string): PolicyEngine | undefined {
  const found = engines.get(id);
  if (found !== undefined) return found;
  const policy = compiled.get(id);
  if (policy === undefined) return undefined;
  const [oldest] = engines.keys();
  if (engines.size >= ENGINES_MAX && oldest !== undefined) engines.delete(oldest);
  const engine = new PolicyEngine(policy);
  engines.set(id, engine);
  return engine;
}

/** Records by the id of their entry. What is no record is left out: that is for the check of the ledger to say. */
function recordsOf({ members, count }: ReplayMessage): Map<string, Found> {
  const records = new Map<string, Found>();
  const maxOutputLength = count * MEMBER_BYTES_MAX + LINE_BYTES_MAX;
  try {
    for (const line of utf8Text(gunzipSync(members, { maxOutputLength })).split('\n')) {
      const record = line === '' ? null : recordOf(line);
      if (record !== null) records.set(record.jti, { record, line });
    }
  } catch {
    records.clear();
  }
  return records;
}

function recordOf(line: string): StoredRecord | null {
  try {
    return parseRecord(line);
  } catch {
    return null;
  }
}

function isWanted(record: StoredRecord): boolean {
  return where.every(({ pointer, text }) => {
    const value = valueAt(record as never, parsePointer(pointer));
    if (value === undefined) return false;
    return typeof value === 'string' ? value === text : canonicalJson(value) === text;
  });
}

/** Where something was masked, the source has no digest of the bytes that were sent. */
function isPerhapsMasked({ kind }: LeafFacts, { source }: StoredRecord): boolean {
  return kind === 'event' && isJsonObject(source) && source['raw_hmac'] === null;
}

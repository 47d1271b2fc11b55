/**
 * Replay through a gateway, for who may not read the store: entry by entry, as much of each as the policy in charge
 * discloses to the caller. What is hidden is no input to decide on, and said to be so. That the log is whole and unchanged
 * is the gateway's word here; each read is an entry of the ledger itself, as every read is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { utf8Bytes } from '../core/bytes.ts';
import { entryBytes, parseEntry } from '../core/entry.ts';
import { SteleError } from '../core/errors.ts';
import { parseGenesis } from '../core/genesis.ts';
import { lookUp, openDisclosures, parseSdJwt } from '../core/open-disclosures.ts';
import { formatRecord } from '../core/record.ts';
import { decisionOfView } from '../policy/reexecute.ts';
import type { LeafFacts } from '../policy/replay.ts';
import type { StagedPolicy } from '../policy/staged.ts';
import { call } from './client.ts';
import type { Connection } from './client.ts';
import type { Output } from './output.ts';
import type { ReplayOptions } from './replay-options.ts';
import type { ReplayReport } from './replay-report.ts';
import { runReplay } from './replay-run.ts';
import type { ReplaySink } from './replay-run.ts';
import { factsOf } from './replay-walk.ts';

/** Requests under way: a gateway finds no more for one caller at a time. */
const READERS = 4;
/** Decisions of one message to a thread. */
const DECISIONS_A_MESSAGE = 64;
/** Times that an entry is asked for while the gateway is busy, and milliseconds before the second. */
const TRIES_MAX = 6;
const RETRY_MS = 250;
/** Stands for the key of a record, which no gateway gives: nothing is disclosed from what is replayed. */
const NO_KEY = 'A'.repeat(43);

/** A decision as far as it is disclosed, in the form that threads take. */
interface Shown {
  readonly leaf: LeafFacts;
  readonly line: string;
}

/**
 * Replays what a gateway shows.
 *
 * @throws {@link SteleError} of the gateway, where it answers nothing at all.
 */
export async function replayGateway(
  connection: Connection,
  staged: StagedPolicy,
  options: ReplayOptions,
  output: Output,
): Promise<ReplayReport> {
  const about = (await (await call(connection, { path: '' })).json()) as {
    readonly genesis_object: string;
    readonly size: number;
  };
  const { origin, classes, fallbackClass, labels } = parseGenesis(utf8Bytes(about.genesis_object));
  const { size } = about;
  output.note(`reading ${size} entries through the gateway: each read is an entry itself`);
  return runReplay(staged, options, async (sink) => {
    const reading = new Reading(connection, options, sink, { classes, fallbackClass, labels });
    const decisions = await reading.all(size, output);
    return { decisions, origin, entries: size, read: 'gateway' };
  });
}

type Table = Parameters<ReplaySink['pool']['send']>[0]['table'];

class Reading {
  readonly #connection: Connection;
  readonly #options: ReplayOptions;
  readonly #sink: ReplaySink;
  readonly #table: Table;
  #waiting: Shown[] = [];
  #wanted = 0;

  constructor(connection: Connection, options: ReplayOptions, sink: ReplaySink, table: Table) {
    this.#connection = connection;
    this.#options = options;
    this.#sink = sink;
    this.#table = table;
  }

  /** Reads a ledger of that size. @returns how many decisions were wanted. */
  async all(size: number, output: Output): Promise<number> {
    const [first, last] = this.#options.indices;
    const end = Math.min(size, last + 1);
    const bar = output.progress('entries', Math.max(0, end - first));
    let next = first;
    let done = 0;
    try {
      const reader = async (): Promise<void> => {
        for (let index = next++; index < end; index = next++) {
          await this.#one(index);
          bar.update(++done);
        }
      };
      await Promise.all(Array.from({ length: READERS }, reader));
      await this.#send();
      await this.#sink.pool.drain();
    } finally {
      bar.stop();
    }
    return this.#wanted;
  }

  async #one(index: number): Promise<void> {
    const shown = await this.#shown(index);
    if (shown === null) return;
    this.#wanted += 1;
    if (typeof shown === 'string') {
      this.#sink.refuse(index, shown);
      return;
    }
    this.#waiting.push(shown);
    if (this.#waiting.length >= DECISIONS_A_MESSAGE) await this.#send();
  }

  /** What an entry shows of its decision; null where it is not wanted, or none; else why it is not there. */
  async #shown(index: number): Promise<Shown | string | null> {
    const text = await this.#read(index);
    if (text instanceof SteleError) return `the gateway does not show it: ${text.code}`;
    const { jws, disclosures } = parseSdJwt(text);
    const entry = parseEntry(entryBytes(jws));
    const leaf = factsOf(entry, index);
    if (leaf === null || !this.#options.isWanted(leaf)) return null;
    const opened = openDisclosures(entry.payload, disclosures);
    const unknown = this.#options.where.find(
      ({ pointer }) => lookUp(opened, pointer).presence === 'hidden',
    );
    if (unknown !== undefined) return `${unknown.pointer} is hidden`;
    const { entrypoint, err, jti } = leaf;
    const decision = decisionOfView({ entrypoint, ...(err === undefined ? {} : { err }) }, opened);
    if ('verdict' in decision) return decision.detail;
    const { input, result } = decision;
    const source = opened.parts.source ?? null;
    const line = formatRecord({ v: 1, jti, key: NO_KEY, input, result, source, sealed: [] });
    return { leaf, line };
  }

  /** An entry; or why it is not shown to this caller, which is no reason to end. */
  async #read(index: number): Promise<string | SteleError> {
    for (let tries = 1; ; tries += 1) {
      try {
        const asked = { path: `entries/${index}`, accept: 'application/sd-jwt' };
        return await (await call(this.#connection, asked)).text();
      } catch (error) {
        if (!(error instanceof SteleError)) throw error;
        if (error.code === 'denied') return error;
        if (error.disposition !== 'retry' || tries === TRIES_MAX) throw error;
        await sleep(RETRY_MS * 2 ** (tries - 1));
      }
    }
  }

  async #send(): Promise<void> {
    const shown = this.#waiting;
    this.#waiting = [];
    if (shown.length === 0) return;
    const members = gzipSync(shown.map(({ line }) => line).join(''));
    const leaves = shown.map(({ leaf }) => leaf);
    await this.#sink.pool.send({ members, count: shown.length, leaves, table: this.#table });
  }
}

/**
 * Replay through a gateway, for who may not read the store: page by page, as much of each entry as the policy in charge
 * discloses to the caller. What is hidden is no input to decide on, and said to be so. That the log is whole and unchanged
 * is the gateway's word here; each page that is read is an entry of the ledger itself, as every read is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { utf8Bytes } from '../../core/platform/bytes.ts';
import { entryBytes, parseEntry } from '../../core/entry/entry.ts';
import { SteleError } from '../../core/errors.ts';
import { parseGenesis } from '../../core/ledger/genesis.ts';
import { lookUp, openDisclosures, parseSdJwt } from '../../core/record/open-disclosures.ts';
import { formatRecord } from '../../core/record/record.ts';
import { decisionOfView } from '../../policy/decide/reexecute.ts';
import type { LeafFacts } from '../../policy/replay/replay.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import { call } from '../client.ts';
import type { Connection, GatewayRequest } from '../client.ts';
import type { Output, Progress } from '../output.ts';
import { answerOf, PageWalk } from '../page-walk.ts';
import type { ReplayOptions } from './options.ts';
import type { ReplayReport } from './report.ts';
import { checkReach, runReplay } from './run.ts';
import type { ReplaySink } from './run.ts';
import { factsOf } from './walk.ts';

/** Requests under way: a gateway finds no more for one caller at a time. */
const READERS = 4;
/** Decisions of one message to a thread. */
const DECISIONS_A_MESSAGE = 64;
/** Times that an entry is asked for while the gateway is busy, and milliseconds before the second. */
const TRIES_MAX = 6;
const RETRY_MS = 250;
/** Stands for the key of a record, which no gateway gives: nothing is disclosed from what is replayed. */
const NO_KEY = 'A'.repeat(43);

/** Entries of one page: as many as a gateway gives. */
const PAGE_ENTRIES = 250;
const NOT_SHOWN = 'the gateway does not show it: denied';

/** What of the ledger is used here. */
const aboutSchema = z.object({ genesis_object: z.string(), size: z.int().min(0) });

/** What of an entry is used here. */
const itemSchema = z.object({
  index: z.int().min(0),
  entry: z.string(),
  disclosures: z.array(z.string()),
});

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
  const about = answerOf(await (await call(connection, { path: '' })).text(), aboutSchema);
  const { origin, classes, fallbackClass, labels } = parseGenesis(utf8Bytes(about.genesis_object));
  const { size } = about;
  checkReach(size, options, output);
  output.note(`reading ${size} entries through the gateway: what is read is recorded there`);
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
  readonly #walk: PageWalk;
  #waiting: Shown[] = [];
  #wanted = 0;

  constructor(connection: Connection, options: ReplayOptions, sink: ReplaySink, table: Table) {
    this.#connection = connection;
    this.#options = options;
    this.#sink = sink;
    this.#table = table;
    this.#walk = new PageWalk(options.minutes);
  }

  /** Reads a ledger of that size. @returns how many decisions were wanted. */
  async all(size: number, output: Output): Promise<number> {
    const [first, last] = this.#options.indices;
    const end = Math.min(size, last + 1);
    const bar = output.progress('entries', end);
    try {
      const isPaged = await this.#pages(first, end, bar);
      if (!isPaged) await this.#entries(first, end, bar);
      await this.#send();
      await this.#sink.pool.drain();
    } finally {
      bar.stop();
    }
    return this.#wanted;
  }

  /** Page by page, each of which is one access entry. @returns false where the caller may not search. */
  async #pages(first: number, end: number, bar: Progress): Promise<boolean> {
    let expected = first;
    let after: string | null = null;
    do {
      const path = `entries?limit=${PAGE_ENTRIES}${after === null ? '' : `&after=${after}`}`;
      const text = await this.#read({ path, accept: 'application/json' });
      if (text instanceof SteleError && after === null) return false;
      if (text instanceof SteleError) throw text;
      const page = this.#walk.take(text);
      for (const item of page.items ?? []) {
        const { index, entry, disclosures } = answerOf(item, itemSchema);
        if (index < expected || index >= end) continue;
        this.#refuse(expected, NOT_SHOWN, index - expected);
        await this.#take(index, entry, disclosures);
        expected = index + 1;
      }
      bar.update(Math.min(expected, end));
      after = page.next === null ? null : encodeURIComponent(page.next);
    } while (after !== null && expected < end);
    this.#refuse(expected, NOT_SHOWN, Math.max(0, end - expected));
    return true;
  }

  /** Entry by entry, each of which is an access entry. */
  async #entries(first: number, end: number, bar: Progress): Promise<void> {
    let next = first;
    const reader = async (): Promise<void> => {
      for (let index = next++; index < end; index = next++) {
        const text = await this.#read({ path: `entries/${index}`, accept: 'application/sd-jwt' });
        bar.update(index + 1);
        if (text instanceof SteleError) this.#refuse(index, NOT_SHOWN);
        else {
          const { jws, disclosures } = parseSdJwt(text);
          await this.#take(index, jws, disclosures);
        }
      }
    };
    await Promise.all(Array.from({ length: READERS }, reader));
  }

  /** All of a stretch at once: a gateway may say that its log is as long as it likes. */
  #refuse(first: number, why: string, count = 1): void {
    if (count === 0) return;
    this.#wanted += count;
    this.#sink.refuse(first, why, count);
  }

  async #take(index: number, jws: string, disclosures: readonly string[]): Promise<void> {
    const shown = this.#shown(index, jws, disclosures);
    if (shown === null) return;
    if (typeof shown === 'string') {
      this.#refuse(index, shown);
      return;
    }
    this.#wanted += 1;
    this.#waiting.push(shown);
    if (this.#waiting.length >= DECISIONS_A_MESSAGE) await this.#send();
  }

  /** What an entry shows of its decision; null where it is not wanted, or none; else why it is not there. */
  #shown(index: number, jws: string, disclosures: readonly string[]): Shown | string | null {
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

  /** An answer; or that it is denied to this caller, which is no reason to end. */
  async #read(request: GatewayRequest): Promise<string | SteleError> {
    for (let tries = 1; ; tries += 1) {
      this.#walk.assertTime();
      try {
        return await (await call(this.#connection, request)).text();
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

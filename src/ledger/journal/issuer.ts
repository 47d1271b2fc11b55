/**
 * The issuer: gives each entry its place in this writer's chain, signs it and hands it to the journal. Taking the place
 * is the only serial part and costs one hash; signatures are made in parallel, and group k+1 is signed while group k
 * is synced.
 */
import { sha256Base64Url } from '#platform';
import { checkControl } from '../../core/ledger/ctl.ts';
import {
  completePayload,
  parseEntryPayload,
  sealJws,
  signingInput,
} from '../../core/entry/entry.ts';
import { MalformedError, SteleError } from '../../core/errors.ts';
import { utf8Bytes } from '../../core/platform/bytes.ts';
import type { JwsSigner } from '../../core/json/jws.ts';
import type { Statement } from '../../core/ledger/statement.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import { NotTakenError } from '../context/errors.ts';
import { entryRecord, parseEntryRecord } from './records.ts';
import type { Journal } from './journal.ts';
import { SIGN_ATTEMPTS } from '../context/limits.ts';
import { PendingReceipt } from './pending.ts';
import type { PendingEntry } from './pending.ts';
import type { EntryDraft } from '../context/receipt.ts';
import type { Segment } from './segment.ts';

/** What an issuer works with; all of one boot. */
export interface IssuerParts {
  readonly signer: JwsSigner;
  readonly cert: Statement;
  readonly writer: string;
  readonly boot: string;
  readonly journal: Journal;
  readonly clock: () => number;
  readonly ledger: { readonly origin: string; readonly gen: string };
  /** Identity of this writer's last entry in any boot; `gen` when there is none. */
  readonly prev: string;
  /** Entry bytes that genesis allows, and by how much an `at` may trail the highest of the boot. */
  readonly bounds: () => { readonly entryBytes: number; readonly maxDecisionMs: number };
  /** The next slot of the log: no entry made now can be below it. */
  readonly base: () => number;
  /** Told of entries that have become durable, in the order of their places, before anybody else is. */
  readonly onDurable: (entries: readonly PendingEntry[]) => void;
  /** Somebody waits for the seal of one of them. */
  readonly onAwaited: () => void;
}

/** Where the next entry of a boot goes. */
interface Place {
  readonly seq: number;
  readonly prev: string;
}

interface Issued {
  readonly draft: EntryDraft;
  readonly input: string;
  readonly identity: string;
  readonly seq: number;
}

interface Group {
  readonly issued: readonly Issued[];
  readonly signed: Promise<string[]>;
  readonly generation: number;
  readonly start: Place;
  readonly reissued: readonly PendingEntry[] | undefined;
  readonly base: number;
}

/** Characters of a sealed JWS behind its signing input: a dot and 64 bytes in base64url. */
const SEAL_CHARS = 87;

/**
 * Kept free by every entry, so that it can be issued again whatever becomes of its boot: `was` takes 51 bytes, and a
 * number in another boot up to 15 digits more, in base64url.
 */
const REISSUE_CHARS = 90;

/** `ctl` comes right after `at` in canonical order, and only these members before it. */
const HAS_CONTROL = /^\{(?:"_sd":\[[^\]]*\],"_sd_alg":"[^"]*",)?"at":[0-9]+,"ctl":/;

/** Issues the entries of one boot. */
export class Issuer {
  readonly #parts: IssuerParts;
  #place: Place;
  #highestAt = 0;
  /** Grows when a signature could not be had: what was placed behind that entry is void. */
  #generation = 0;
  /** Settles when the groups so far were handed to the journal. */
  #handedOver: Promise<unknown> = Promise.resolve();

  constructor(parts: IssuerParts) {
    this.#parts = parts;
    this.#place = { seq: 0, prev: parts.prev };
  }

  /** Highest admission time of the boot, epoch ms. */
  get highestAt(): number {
    return this.#highestAt;
  }

  /** Resolves when everything that was issued so far was handed to the journal, or refused. */
  async idle(): Promise<void> {
    await this.#handedOver;
  }

  /**
   * Issues entries in order, all or none. Resolves when they are durable.
   *
   * @param reissued - The earlier entries that these reissue, in order: their receipts are kept, and their age is right.
   * @throws {@link NotTakenError} `decision_stale`, `signer_unavailable`; `entry_too_large`; {@link MalformedError} for a
   *   draft that makes no entry of this ledger; whatever the journal throws.
   */
  async issue(
    drafts: readonly EntryDraft[],
    reissued?: readonly PendingEntry[],
  ): Promise<PendingEntry[]> {
    if (reissued === undefined) this.#checkAge(drafts);
    // Everything that can refuse an entry is behind us when its place is taken.
    const start = this.#place;
    const { issued, place } = this.#placeAll(drafts, reissued === undefined ? REISSUE_CHARS : 0);
    const generation = this.#generation;
    this.#place = place;
    for (const { at } of drafts) this.#highestAt = Math.max(this.#highestAt, at);
    const signed = Promise.all(issued.map(async ({ input }) => this.#sign(input)));
    signed.catch(() => undefined);
    const group = { issued, signed, generation, start, reissued, base: this.#parts.base() };
    const handedOver = this.#handOver(this.#handedOver, group);
    this.#handedOver = handedOver.then(
      () => undefined,
      () => undefined,
    );
    const { durable } = await handedOver;
    return durable;
  }

  #checkAge(drafts: readonly EntryDraft[]): void {
    const { maxDecisionMs } = this.#parts.bounds();
    let highest = this.#highestAt;
    for (const { at } of drafts) {
      highest = Math.max(highest, at);
      if (at < highest - maxDecisionMs) {
        const late = `decided at ${at}, ${highest - at} ms before the newest entry`;
        throw new NotTakenError('decision_stale', `${late}, at most ${maxDecisionMs}`);
      }
    }
  }

  /** @param reserve - Characters that each entry has to leave free. */
  #placeAll(drafts: readonly EntryDraft[], reserve: number): { issued: Issued[]; place: Place } {
    const { signer, writer, boot } = this.#parts;
    const { entryBytes: max } = this.#parts.bounds();
    let { seq, prev } = this.#place;
    const issued = drafts.map((draft) => {
      const payload = completePayload(draft.prefix, { id: writer, boot, seq, prev });
      this.#check(payload);
      const input = signingInput(signer.kid, payload, signer.alg);
      const bytes = input.length + SEAL_CHARS + reserve;
      if (bytes > max) throw tooLarge(bytes, max);
      const identity = sha256Base64Url(input);
      const each = { draft, input, identity, seq };
      seq += 1;
      prev = identity;
      return each;
    });
    return { issued, place: { seq, prev } };
  }

  /**
   * An entry that is not well-formed would make its batch void, and everything behind it wait for ever: it must not get
   * past here. That the text is canonical is not checked again: one function of core writes it.
   */
  #check(payload: string): void {
    const { iss, gen, kind, ctl } = parseEntryPayload(JSON.parse(payload) as JsonValue);
    checkControl(kind, ctl);
    const { origin, gen: wanted } = this.#parts.ledger;
    if (iss !== origin || gen !== wanted) {
      throw new MalformedError(`entry is of ledger ${iss}, ${gen}`, 'bad_entry');
    }
  }

  async #sign(input: string): Promise<string> {
    const bytes = utf8Bytes(input);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return sealJws(input, await this.#parts.signer.sign(bytes));
      } catch (cause) {
        if (attempt < SIGN_ATTEMPTS) continue;
        throw new NotTakenError('signer_unavailable', 'the writer key could not be used', cause);
      }
    }
  }

  /** Hands a group to the journal after all groups before it. Resolves at the hand-over, not at the sync. */
  async #handOver(turn: Promise<unknown>, group: Group) {
    await turn;
    if (group.generation !== this.#generation) {
      throw new NotTakenError('signer_unavailable', 'an entry before this one was not signed');
    }
    let jws: string[];
    try {
      jws = await group.signed;
    } catch (error) {
      // Nobody has seen the entries placed from here on, so their places are free again.
      this.#generation += 1;
      this.#place = group.start;
      throw error;
    }
    const records = group.issued.map(({ draft }, i) => entryRecord(jws[i] ?? '', draft.record));
    const durable = this.#parts.journal.append(records).then((segment) => {
      const entries = group.issued.map((each, i) => {
        const payload = records[i]?.payload ?? new Uint8Array();
        const made = { jws: jws[i] ?? '', payload, segment, base: group.base };
        return this.#pendingOf(each, made, group.reissued?.[i]);
      });
      this.#parts.onDurable(entries);
      return entries;
    });
    durable.catch(() => undefined);
    return { durable };
  }

  #pendingOf(
    { draft, identity, seq }: Issued,
    made: {
      readonly jws: string;
      /** Of its record in the journal: one copy of the bytes serves the journal and the batch. */
      readonly payload: Uint8Array;
      readonly segment: Segment;
      readonly base: number;
    },
    old: PendingEntry | undefined,
  ): PendingEntry {
    const { signer, writer, boot, cert, onAwaited } = this.#parts;
    const control = HAS_CONTROL.test(draft.prefix);
    const { jws: bytes, record } = parseEntryRecord(made.payload);
    return {
      identity,
      facts: { kid: signer.kid, writer, boot, seq, control },
      bytes,
      record,
      jti: draft.jti,
      at: draft.at,
      ret: draft.ret,
      idk: draft.idk ?? null,
      was: old?.identity ?? null,
      cert,
      segment: made.segment,
      sinceMs: this.#parts.clock(),
      base: made.base,
      checked: true,
      receipt: old === undefined ? new PendingReceipt(draft.jti, made.jws, onAwaited) : old.receipt,
    };
  }
}

function tooLarge(bytes: number, max: number): SteleError {
  return new SteleError('entry_too_large', `entry is ${bytes} bytes, at most ${max}`, {
    disposition: 'fix-input',
    durability: 'not-durable',
  });
}

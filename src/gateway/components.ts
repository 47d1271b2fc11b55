import type { Callers } from '../keys/callers.ts';
import type { LedgerSecret } from '../keys/ledger-secret.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { PolicyFeed } from '../policy/feed.ts';
import type { PolicyPool } from '../policy/pool.ts';

/** Where the gateway says what it does: one line an event. `fields` hold no credential and no input. */
export interface GatewayLog {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** A ledger as the gateway serves it: under a name, decided by a policy. */
export interface ServedLedger {
  /** First part of its paths. */
  readonly name: string;
  readonly ledger: Ledger;
  readonly policy: Pick<PolicyPool, 'policy' | 'append' | 'read'>;
  /** Where its next policies come from; null where it follows no source. */
  readonly feed: Pick<PolicyFeed, 'status'> | null;
  /** Shared by all writers of the ledger; knows a repeated write. */
  readonly secret: LedgerSecret;
}

/** The objects with behaviour that a gateway is made of. */
export interface GatewayComponents {
  readonly ledgers: readonly ServedLedger[];
  readonly callers: Callers;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** That many unpredictable bytes. */
  readonly random: (bytes: number) => Uint8Array;
  readonly log: GatewayLog;
  /** Version of the program, for `/metrics` and `/openapi.json`. */
  readonly version: string;
}

/**
 * The core of Stele: its formats and proofs, pure and the same in a browser as in Node. Read it in this order; each
 * file needs only those before it.
 */

// Words: names of types that a parser has vouched for, and errors that say what to do.
export type { Branded } from './platform/brand.ts';
export * from './errors.ts';
export * from './platform/bytes.ts';

// The tree, its proofs and its public forms (RFC 6962, RFC 9162, C2SP).
export * from './tree/hash.ts';
export * from './tree/tree.ts';
export * from './tree/proof.ts';
export * from './tree/tile.ts';
export { ENTRY_BYTES_MAX } from './tree/tile.ts';
export * from './tree/cosignature.ts';
export * from './tree/signed-note.ts';
export * from './tree/checkpoint.ts';
export * from './tree/tlog-proof.ts';

// JSON in and out, and what is signed (RFC 8785, RFC 7515).
export * from './json/json-pointer.ts';
export * from './json/strict-json.ts';
export * from './json/canonical-json.ts';
export * from './json/jws.ts';

// The entry and its record (RFC 9901).
export * from './entry/uuid7.ts';
export * from './entry/entry.ts';
export { EntryPayloadSchema } from './entry/entry-schema.ts';
export * from './ledger/ctl.ts';
export * from './record/disclosure.ts';
export * from './record/redact.ts';
export * from './record/open-disclosures.ts';
export * from './record/record.ts';
export * from './record/hmac.ts';
export * from './record/agreement.ts';

// The ledger: who may speak, and what it is.
export * from './entry/schema.ts';
export * from './ledger/statement.ts';
export * from './ledger/genesis.ts';
export * from './ledger/config.ts';

// The log: batches, and what makes them valid.
export * from './log/batch-header.ts';
export * from './log/batch.ts';
export * from './log/payload-object.ts';
export * from './log/key-status.ts';
export * from './log/state.ts';
export * from './log/batch-plan.ts';

// What else may be wrong, and the verdict on it all.
export * from './verify/findings.ts';
export { findingsOf } from './verify/batch-findings.ts';
export type { FindingsContext } from './verify/batch-findings.ts';
export type { FirstWithKey, LogMemory } from './verify/entry-findings.ts';
export * from './verify/verify.ts';

/**
 * The core of Stele: its formats and proofs, pure and the same in a browser as in Node. Read it in this order; each
 * file needs only those before it.
 */

// Words: names of types that a parser has vouched for, and errors that say what to do.
export type { Branded } from './brand.ts';
export * from './errors.ts';
export * from './bytes.ts';

// The tree, its proofs and its public forms (RFC 6962, RFC 9162, C2SP).
export * from './hash.ts';
export * from './tree.ts';
export * from './proof.ts';
export * from './tile.ts';
export { ENTRY_BYTES_MAX } from './tile.ts';
export * from './cosignature.ts';
export * from './signed-note.ts';
export * from './checkpoint.ts';
export * from './tlog-proof.ts';

// JSON in and out, and what is signed (RFC 8785, RFC 7515).
export * from './json-pointer.ts';
export * from './strict-json.ts';
export * from './canonical-json.ts';
export * from './jws.ts';

// The entry and its record (RFC 9901).
export * from './uuid7.ts';
export * from './entry.ts';
export { EntryPayloadSchema } from './entry-schema.ts';
export * from './ctl.ts';
export * from './disclosure.ts';
export * from './redact.ts';
export * from './open-disclosures.ts';
export * from './record.ts';
export * from './record-hmac.ts';
export * from './agreement.ts';

// The ledger: who may speak, and what it is.
export * from './schema.ts';
export * from './statement.ts';
export * from './genesis.ts';
export * from './log-config.ts';

// The log: batches, and what makes them valid.
export * from './batch-header.ts';
export * from './batch.ts';
export * from './payload-object.ts';
export * from './key-status.ts';
export * from './log-state.ts';
export * from './batch-plan.ts';

// What else may be wrong, and the verdict on it all.
export * from './findings.ts';
export { findingsOf } from './batch-findings.ts';
export type { FindingsContext } from './batch-findings.ts';
export type { FirstWithKey, LogMemory } from './entry-findings.ts';
export * from './verify.ts';

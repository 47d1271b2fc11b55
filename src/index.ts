/**
 * What an embedding program needs: the store port with its stores, the ledger, the policy pool and the gateway.
 * Formats, proofs and verification are the `./core` subpath.
 */
export type { ObjectStore } from './storage/object-store.ts';
export { FileStore, openFileStore } from './storage/file-store.ts';
export { openS3Store, S3Store } from './storage/s3-store.ts';
export { MemoryStore } from './storage/memory-store.ts';
export { probeStore } from './storage/probe.ts';
export type { Ledger } from './ledger/ledger.ts';
export { fsck } from './ledger/fsck/fsck.ts';
export { openWorkerPool } from './policy/pool/worker-pool.ts';
export { startGateway } from './gateway/server.ts';

import { expect, test } from '@jest/globals';
import type { LogState } from '../../../src/core/log/state.ts';
import { hashLeaf } from '../../../src/core/tree/hash.ts';
import { emptyEdge, extendEdge } from '../../../src/core/tree/tree.ts';
import type { LedgerContext } from '../../../src/ledger/context/context.ts';
import { HeadSigner } from '../../../src/ledger/tree/head-signer.ts';
import type { SignerGuard } from '../../../src/ledger/tree/signer-guard.ts';
import { StoreUnavailableError } from '../../../src/storage/errors.ts';

function stateOf(leaves: number): LogState {
  const hashes = Array.from({ length: leaves }, (_, n) => hashLeaf(Uint8Array.of(n)));
  const edge = extendEdge(emptyEdge(), hashes);
  return { size: edge.size, edge } as LogState;
}

function signerWith(sign: () => Promise<void>): HeadSigner {
  const guard = {
    sign: async (head: object) => {
      await sign();
      return { ...head, note: '' };
    },
  } as unknown as SignerGuard;
  const context = {
    settings: { closeMs: 20 },
    sleep: async (ms: number) =>
      new Promise<void>((resolve) => setTimeout(resolve, Math.min(ms, 30))),
    log: { warn: () => undefined },
  } as unknown as LedgerContext;
  return new HeadSigner(context, guard, () => undefined);
}

test('a batch without leaves does not end the signing of heads', async () => {
  const signer = signerWith(async () => Promise.resolve());
  signer.sign(stateOf(3));
  await signer.settled();
  signer.sign(stateOf(3));
  signer.sign(stateOf(6));
  await signer.settled();
  expect(signer.head?.size).toBe(6);
});

test('heads that cannot be signed do not hold a close', async () => {
  const signer = signerWith(async () => Promise.reject(new StoreUnavailableError('away')));
  signer.sign(stateOf(1));
  await signer.settled();
  expect(await signer.close()).toEqual([]);
});

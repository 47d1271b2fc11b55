/** Where the policy of a recorded decision is taken from: the archive of a ledger, a gateway, or a bundle file. */
import { readFile } from 'node:fs/promises';
import { sha256Base64Url } from '#platform';
import { SteleError } from '../../core/errors.ts';
import { readArchivedPolicy } from '../../ledger/log/policy-archive.ts';
import { identityFault } from '../../policy/bundle/archived.ts';
import { BundleError } from '../../policy/contract/policy-error.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { call } from '../client.ts';
import type { Connection } from '../client.ts';
import type { Configuration } from '../settings/configuration.ts';
import { stageArchived } from '../open/policy.ts';
import { isStoreUrl, withStore } from '../open/store-url.ts';

/** Why a policy is not at hand. */
export interface NoPolicy {
  readonly why: string;
  /** Of the finding that it makes; null where it says nothing against anybody. */
  readonly finding: 'policy_altered' | 'engine_version' | null;
}

/** A policy that can be run, or why there is none. */
export type ArchivedPolicy = StagedPolicy | NoPolicy;

/**
 * A policy of the archive. Where the log names its digest, nothing else is unpacked: a few bytes may unpack to many.
 *
 * @param digest - Of its bundle, by its activation; null where the log does not say, or was not read.
 */
export async function archived(
  { store, ledger }: { readonly store: ObjectStore; readonly ledger: string },
  id: string,
  digest: string | null,
): Promise<ArchivedPolicy> {
  const bytes = await readArchivedPolicy(store, ledger, { id, digest: null });
  if (bytes === null) return { why: `policy ${id} is not archived`, finding: null };
  const hash = sha256Base64Url(bytes);
  if (digest === null || hash === digest) return stagedAs(bytes, id, digest);
  const why = `the bundle of policy ${id} hashes to ${hash}, activated was ${digest}`;
  return { why, finding: 'policy_altered' };
}

/**
 * A policy out of a bundle file or the archive of a store, which has to be the one of its name.
 *
 * @param digest - As of {@link archived}.
 */
export async function policyAt(
  place: string | undefined,
  id: string,
  configuration: Configuration,
  digest: string | null = null,
): Promise<ArchivedPolicy> {
  if (place === undefined) {
    return { why: 'no policy is at hand: name one with --policy', finding: null };
  }
  if (isStoreUrl(place)) {
    return withStore(place, configuration, async (store, settings) =>
      archived({ store, ledger: settings.text('ledger') }, id, digest),
    );
  }
  const found = await stagedAs(new Uint8Array(await readFile(place)), id, null);
  if ('prepared' in found || found.finding !== 'policy_altered') return found;
  // Whoever named the file took the wrong one: that accuses nobody.
  return { why: `${place}: ${found.why}`, finding: null };
}

/** The bundle of a policy that a gateway has archived. What it is, is for {@link stagedAs} to say. */
export async function archivedBundle(connection: Connection, id: string): Promise<Uint8Array> {
  const path = `policies/${encodeURIComponent(id)}`;
  const response = await call(connection, { path, accept: 'application/gzip' });
  return new Uint8Array(await response.arrayBuffer());
}

/** A policy from a gateway, which has to be the one of its name. */
export async function policyOfGateway(
  connection: Connection,
  id: string,
  digest: string | null,
): Promise<ArchivedPolicy> {
  try {
    return await stagedAs(await archivedBundle(connection, id), id, digest);
  } catch (error) {
    if (!(error instanceof SteleError) || error instanceof BundleError) throw error;
    const why = `the gateway gives no bundle of policy ${id} (${error.code}): name one with --policy`;
    return { why, finding: null };
  }
}

/**
 * A bundle's bytes as the policy that they have to be.
 *
 * @param digest - As of {@link archived}.
 */
export async function stagedAs(
  bytes: Uint8Array,
  id: string,
  digest: string | null,
): Promise<ArchivedPolicy> {
  try {
    const staged = await stageArchived(bytes);
    const fault = identityFault(staged, id, digest);
    return fault === undefined ? staged : { why: fault.detail, finding: fault.code };
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    const why = `the bundle of policy ${id} makes no policy: ${error.message}`;
    // That it was slow here says nothing about it.
    return { why, finding: error.code === 'bundle_not_ready' ? null : 'policy_altered' };
  }
}

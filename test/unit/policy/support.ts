import { readFileSync } from 'node:fs';
import { readBundle } from '../../../src/policy/bundle/bundle.ts';
import type { DecideSettings } from '../../../src/policy/decide/decide.ts';
import { DEFAULT_INPUT_LIMITS } from '../../../src/policy/decide/input.ts';
import type { AppendJob, KnownFacts, ReadJob } from '../../../src/policy/decide/jobs.ts';
import { preparePolicy } from '../../../src/policy/bundle/prepare.ts';
import type { PreparedPolicy } from '../../../src/policy/bundle/prepare.ts';

/** The committed default policy. */
export const DEFAULT_BUNDLE = 'bundles/default/bundle.tar.gz';

/** A policy that misbehaves when `event.do` asks it to; its source stands beside it. */
export const HOSTILE_BUNDLE = 'test/policy/fixtures/hostile.tar.gz';

/** A policy of a committed bundle. */
export async function policyOf(path: string): Promise<PreparedPolicy> {
  return preparePolicy(await readBundle(readFileSync(path)));
}

/** A ledger's table for tests: one class, one erasable class, the default policy's labels. */
export const settings: DecideSettings = {
  origin: 'stele.example/test',
  gen: 'A'.repeat(43),
  maxSealMs: 60_000,
  classes: {
    standard: { mode: 'none', days: 30, erasable: false },
    person: { mode: 'none', days: 30, erasable: true },
    open: { mode: 'governance', days: null, erasable: false },
  },
  fallbackClass: 'standard',
  labels: ['source', 'operation', 'outcome'],
  secret: { id: 's1', key: new Uint8Array(32).fill(7) },
  limits: DEFAULT_INPUT_LIMITS,
};

/** 2026-11-23T00:00:00.000Z, and an entry id of that time. */
export const AT = 1_795_392_000_000;
export const JTI = '01a205b3-d000-7000-8000-000000000001';

const source = {
  media_type: 'application/json',
  auth: { method: 'api_key', issuer: null, subject: 'svc', key_id: 'k1', token_sha256: null },
  producer: null,
};

/** A caller with roles who asks for an action on a resource. */
export function known(
  action: string,
  resource: KnownFacts['resource'],
  roles: readonly string[] = [],
): KnownFacts {
  return {
    subject: { type: 'service', id: 'svc', properties: { roles, issuer: null } },
    action: { name: action },
    resource,
    context: { request_id: 'r-1' },
    ledger: { name: 'test', origin: settings.origin },
  };
}

/** An append of `event` by a caller with `roles`. */
export function appendJob(event: string | Uint8Array, roles: readonly string[]): AppendJob {
  const ledger = { type: 'ledger', id: 'test', properties: {} };
  return {
    at: AT,
    jti: JTI,
    event,
    known: known('entry.append', ledger, roles),
    source,
    identity: null,
  };
}

/** A read of a resource by a caller with `roles`. */
export function readJob(
  action: string,
  resource: KnownFacts['resource'],
  roles: readonly string[],
): ReadJob {
  return { at: AT, jti: JTI, known: known(action, resource, roles), source };
}

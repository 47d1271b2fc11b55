// Policies put in charge, one after the other, at full append load: what fails, what names a policy that was not adopted
// there, and the 99th percentile of appends with and without swaps.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeGateway } from '../../dist/cli/open/gateway.js';
import { resolveConfiguration } from '../../dist/cli/settings/configuration.js';
import { foundLedger } from '../../dist/cli/founding.js';
import { homeOf } from '../../dist/cli/open/home.js';
import { addCaller } from '../../dist/cli/key/keygen.js';
import { openExecutable } from '../../dist/cli/open/executable.js';
import { openDefaultPolicy, stageArchived } from '../../dist/cli/open/policy.js';
import { openStore } from '../../dist/cli/open/store.js';
import { makeApproval } from '../../dist/core/ledger/approval.js';
import { makeCertificate } from '../../dist/core/ledger/statement.js';
import { signBundleFiles } from '../../dist/keys/bundle-signatures.js';
import { generateKey, loadKey } from '../../dist/keys/key-files.js';
import { jwsSigner } from '../../dist/keys/signers.js';
import { fsck } from '../../dist/ledger/fsck/fsck.js';
import { candidateFiles, packed } from './candidate.mjs';
import { ms, row } from './row.mjs';
import { percentile, swapBars } from './swap-bars.mjs';

const CLIENTS = 16;
const CALM_MS = 10_000;
/** Milliseconds between two activations. */
const BETWEEN_MS = 500;

/** Exchanges the policy `swaps` times, by approvals of two people, while sixteen clients append. */
export async function swapUnderLoad({ swaps = 20 }) {
  const folder = mkdtempSync(join(tmpdir(), 'stele-swap-'));
  const world = await openWorld(folder);
  try {
    const bundles = [];
    for (let n = 0; n < swaps; n += 1) bundles.push(await bundleOf(world, `source-${n}`));
    return rowsOf(swaps, await measured(world, bundles));
  } finally {
    await world.gateway.close();
    await world.store.close();
    rmSync(folder, { recursive: true });
  }
}

/** A founded ledger, served in this process, with two approvers and an author. */
async function openWorld(folder) {
  const flags = { data: folder, 'listen.port': '0', 'log.level': 'error' };
  // One caller sends all of it.
  flags['gateway.entriesPerMinute'] = '100000000';
  flags['gateway.entryBytesPerMinute'] = '1099511627776';
  const configuration = resolveConfiguration({ flags, environment: {} });
  const store = await openStore(configuration);
  const { genesis, vkey } = await foundLedger(configuration, store, await openDefaultPolicy());
  const home = homeOf(configuration);
  const keys = {};
  for (const role of ['admin', 'service']) {
    keys[role] = await addCaller(home.apiKeys, { id: role, type: 'service', roles: [role] });
  }
  const root = jwsSigner(await loadKey(home.rootKey));
  const personOf = async (person, use) => {
    const key = generateKey();
    const signer = jwsSigner(key);
    const fields = { gen: genesis.gen, use, jwk: signer.jwk, person };
    return { person, key, signer, cert: await makeCertificate(fields, [root]) };
  };
  const people = await Promise.all(['ann', 'ben'].map((one) => personOf(one, 'approver')));
  const author = await personOf('cid', 'author');
  const gateway = await composeGateway(configuration);
  await gateway.ledger.ready();
  return { store, genesis, vkey, keys, people, author, gateway };
}

async function measured(world, bundles) {
  const { gateway, keys, store, vkey } = world;
  const samples = [];
  const failures = [];
  let stopping = false;
  const append = async () => {
    for (let n = 0; !stopping; n += 1) {
      const at = performance.now();
      const answer = await post(world, 'entries', { n, type: 'load' }, keys.service);
      if (answer.status === 202) samples.push({ at, ms: performance.now() - at });
      else failures.push(answer);
    }
  };
  const working = Array.from({ length: CLIENTS }, append);
  await pause(CALM_MS / 2);
  const calmFrom = performance.now();
  await pause(CALM_MS);
  const calmTo = performance.now();
  const spans = [];
  for (const bundle of bundles) {
    const request = await requestOf(world, bundle);
    const from = performance.now();
    const answer = await post(world, 'policy', request, keys.admin);
    if (answer.status !== 201 || !answer.body.adopted) failures.push(answer);
    spans.push({ from, to: performance.now() });
    await pause(BETWEEN_MS);
  }
  stopping = true;
  await Promise.all(working);
  await gateway.close();
  const verified = { now: Date.now(), vkeys: [vkey], policies: openExecutable };
  const within = (from, to) => samples.filter(({ at }) => at >= from && at < to);
  return {
    failures,
    report: await fsck(store, 'demo', verified),
    calm: within(calmFrom, calmTo),
    staging: spans.flatMap(({ from, to }) => within(from, to)),
    // The second in which the swap itself happened: the last one before the answer.
    swap: [...new Set(spans.flatMap(({ to }) => within(to - 1000, to)))],
  };
}

function rowsOf(swaps, { failures, report, calm, staging, swap }) {
  for (const failure of failures.slice(0, 3)) console.error(JSON.stringify(failure));
  const told = (samples) =>
    `${samples.length}, p50 ${ms(percentile(samples, 0.5))}, p99 ${ms(percentile(samples, 0.99))}`;
  return [
    row('activations, 16 clients', String(swaps)),
    row('  appends without swaps', told(calm)),
    row('  appends during activations', told(staging)),
    row('  appends in the swap seconds', told(swap)),
    row('  fsck', `${report.verdict}, ${report.entries} entries`),
    ...swapBars({ failed: failures.length, findings: report.findings, calm, swap }),
  ];
}

async function post({ gateway }, path, body, key) {
  const response = await fetch(`${gateway.url}/v1/ledgers/demo/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/** The default policy with other data, signed. */
async function bundleOf({ author }, name) {
  const files = await candidateFiles(name);
  files.set('.signatures.json', await signBundleFiles(files, author.key));
  const archive = await packed(files);
  const { prepared, digest } = await stageArchived(archive);
  return { archive, id: prepared.identity.id, digest };
}

async function requestOf({ genesis, gateway, people, author }, { archive, id, digest }) {
  const { gen } = genesis;
  const previous = gateway.ledger.policy().active.id;
  const rest = {
    v: 1,
    gen,
    id,
    digest,
    previous,
    change: 'update',
    expiry: Date.now() + 3_600_000,
  };
  return {
    bundle: Buffer.from(archive).toString('base64'),
    approvals: await Promise.all(
      people.map(async ({ person, signer }) => makeApproval({ ...rest, person }, signer)),
    ),
    certificates: [...people, author].map(({ cert }) => cert),
  };
}

async function pause(ms) {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

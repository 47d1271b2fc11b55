/**
 * Twenty policies put in charge, one after the other, at full append load: prints failed requests, entries that name a
 * policy which was not adopted there, and the 99th percentile of appends with and without swaps; ends with 1 where a bar
 * is missed.
 *
 *     node infra/policies/hot-swap.mjs [--swaps 20] [--clients 16]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { percentile, swapBars } from './swap-bars.mjs';

const dist = new URL('../../dist/', import.meta.url);
const load = async (path) => import(new URL(path, dist).href);
const { composeGateway } = await load('cli/open/gateway.js');
const { resolveConfiguration } = await load('cli/settings/configuration.js');
const { foundLedger } = await load('cli/founding.js');
const { homeOf } = await load('cli/open/home.js');
const { addCaller } = await load('cli/key/keygen.js');
const { openExecutable } = await load('cli/open/executable.js');
const { openDefaultPolicy, stageArchived } = await load('cli/open/policy.js');
const { openStore } = await load('cli/open/store.js');
const { makeApproval } = await load('core/approval.js');
const { makeCertificate } = await load('core/statement.js');
const { signBundleFiles } = await load('keys/bundle-signatures.js');
const { generateKey, loadKey } = await load('keys/key-files.js');
const { jwsSigner } = await load('keys/signers.js');
const { fsck } = await load('ledger/fsck.js');
const { unpackBundle } = await load('policy/bundle.js');

const { values } = parseArgs({
  options: {
    swaps: { type: 'string', default: '20' },
    clients: { type: 'string', default: '16' },
    calm: { type: 'string', default: '10000' },
  },
});
const [swaps, clients, calmMs] = [values.swaps, values.clients, values.calm].map(Number);
const folder = mkdtempSync(join(tmpdir(), 'stele-swap-'));
const flags = { data: folder, 'listen.port': '0', 'log.level': 'error' };
const configuration = resolveConfiguration({ flags, environment: {} });
const store = await openStore(configuration);
const { genesis, vkey } = await foundLedger(configuration, store, await openDefaultPolicy());
const home = homeOf(configuration);
const keys = {};
for (const role of ['admin', 'service']) {
  keys[role] = await addCaller(home.apiKeys, { id: role, type: 'service', roles: [role] });
}
const root = jwsSigner(await loadKey(home.rootKey));
const people = await Promise.all(['ann', 'ben'].map((one) => personOf(one, 'approver')));
const author = await personOf('cid', 'author');
const bundles = [];
for (let n = 0; n < swaps; n++) bundles.push(await bundleOf(`source-${n}`));
const gateway = await composeGateway(configuration);
await gateway.ledger.ready();

const samples = [];
const failures = [];
let stopping = false;
const working = Array.from({ length: clients }, append);
await pause(calmMs / 2);
const calmFrom = performance.now();
await pause(calmMs);
const calmTo = performance.now();
const spans = [];
for (const bundle of bundles) {
  const request = await requestOf(bundle);
  const from = performance.now();
  const answer = await post('policy', request, keys.admin);
  if (answer.status !== 201 || !answer.body.adopted) failures.push(answer);
  spans.push({ from, to: performance.now() });
  await pause(500);
}
stopping = true;
await Promise.all(working);
await gateway.close();
const report = await fsck(store, 'demo', {
  now: Date.now(),
  vkeys: [vkey],
  policies: openExecutable,
});
await store.close();
rmSync(folder, { recursive: true });

const inCalm = samples.filter(({ at }) => at >= calmFrom && at < calmTo);
// The second in which the swap itself happened: the last one before the answer.
const inSwap = samples.filter(({ at }) => spans.some(({ to }) => at >= to - 1000 && at < to));
const staging = samples.filter(({ at }) => spans.some(({ from, to }) => at >= from && at < to));
const row = (name, of) => {
  const of100 = (share) => percentile(of, share).toFixed(1);
  console.log(
    `${name.padEnd(22)} ${String(of.length).padStart(8)} appends   p50 ${of100(0.5)} ms   p99 ${of100(0.99)} ms   max ${of100(1)} ms`,
  );
};
console.log(`${swaps} activations, ${clients} clients, ${samples.length} appends`);
row('without swaps', inCalm);
row('during activations', staging);
row('in the swap seconds', inSwap);
const adopted = report.findings.filter(({ code }) => /adopted|activated|stale|approval/.test(code));
console.log(`entries of a policy that was not adopted there: ${adopted.length}`);
console.log(
  `fsck: ${report.verdict}, ${report.findings.length} findings, ${report.entries} entries`,
);
if (failures.length > 0) console.log(JSON.stringify(failures.slice(0, 3)));
const bars = swapBars({
  ...{ failed: failures.length, findings: report.findings.length },
  ...{ calm: inCalm, swap: inSwap },
});
for (const { what, value, met } of bars)
  console.log(`${what}: ${value}, ${met ? 'met' : 'MISSED'}`);
process.exitCode = bars.every(({ met }) => met) ? 0 : 1;

async function append() {
  for (let n = 0; !stopping; n++) {
    const started = performance.now();
    const { status, body } = await post('entries', { n, type: 'load' }, keys.service);
    if (status === 202) samples.push({ at: started, ms: performance.now() - started });
    else failures.push({ status, body });
  }
}

async function post(path, body, key) {
  const response = await fetch(`${gateway.url}/v1/ledgers/demo/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

async function personOf(person, use) {
  const key = generateKey();
  const signer = jwsSigner(key);
  const fields = { gen: genesis.gen, use, jwk: signer.jwk, person };
  return { person, key, signer, cert: await makeCertificate(fields, [root]) };
}

/** The default policy with other data, signed. */
async function bundleOf(name) {
  const archive = readFileSync(new URL('../../bundles/default/bundle.tar.gz', import.meta.url));
  const files = new Map(await unpackBundle(archive));
  const data = JSON.parse(Buffer.from(files.get('data.json')).toString());
  data.settings.class_of_source = { [name]: 'standard' };
  files.set('data.json', Buffer.from(JSON.stringify(data)));
  files.set('.signatures.json', await signBundleFiles(files, author.key));
  const entries = [...files].map(([file, body]) => ({
    header: { name: `/${file}`, size: body.length, type: 'file' },
    body,
  }));
  const packed = new Uint8Array(gzipSync(await packTar(entries)));
  const { prepared, digest } = await stageArchived(packed);
  return { packed, id: prepared.identity.id, digest };
}

async function requestOf({ packed, id, digest }) {
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
    bundle: Buffer.from(packed).toString('base64'),
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

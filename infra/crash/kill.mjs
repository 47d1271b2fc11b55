// Kills a real gateway under load, again and again, and looks for every acknowledged entry.
//   node infra/crash/kill.mjs [--kills 200] [--seed N] [--connections 12] [--power | --s3 versitygw|seaweedfs]
//                             [--set key=value …] [--keep]
// The store is in files; `--power` cuts the power of the disk that holds journal and store at the same moment, not only
// the process. `--s3` puts the store on a real S3 server, which stays up. `--set` are more settings of the gateway.
// Prints `kills N, acknowledged N, lost N, doubled N, fsck clean` and the seed; exit code 0 when all is as promised.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { makeImage } from '../powercut/image.mjs';
import { randomFrom } from '../powercut/random.mjs';
import { checkpointOf, compare, judgeHeads, readLog, sizeOf } from './audit.mjs';
import { endAll, gatewayOf } from './gateway.mjs';
import { startLoad } from './load.mjs';
import { startS3Server } from './s3-server.mjs';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    connections: { type: 'string', default: '12' },
    power: { type: 'boolean', default: false },
    s3: { type: 'string' },
    keep: { type: 'boolean', default: false },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const LEDGER = 'crash';
const DISK_MEGABYTES = 4096;
/** Life after the first acknowledgement, ms. */
const LOAD_MS = { least: 10, most: 700 };
/** One kill in five comes while the gateway starts: into recovery, not into load. */
const EARLY = { share: 0.2, most: 900 };
const DRAIN_MS = 120_000;

const sleep = async (ms) => new Promise((later) => setTimeout(later, ms));
const random = randomFrom(Number(options.seed));
/** From the start of each life that got so far until it took writes, ms. */
const readyMs = [];
const events = gunzipSync(
  readFileSync(join(import.meta.dirname, '../../test/data/cloudtrail/events.ndjson.gz')),
)
  .toString()
  .trim()
  .split('\n');

/** Where the data are: a plain folder, or a disk whose power can be cut. */
function makeGround() {
  if (options.power) return makeImage(DISK_MEGABYTES);
  const mount = mkdtempSync(join(tmpdir(), 'stele-crash-'));
  const dispose = () => options.keep || rmSync(mount, { recursive: true, force: true });
  return {
    image: { mount, cut: (pid) => process.kill(pid, 'SIGKILL'), restore: () => {}, dispose },
  };
}

/** Founds the ledger. @returns its public key and a caller's */
async function found(gateway) {
  const must = async (...words) => {
    const { code, stdout, stderr } = await gateway.run('--json', ...words);
    if (code !== 0) throw new Error(`stele ${words[0]} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  };
  const { vkey } = await must('init');
  const { key } = await must('keygen', '--id', 'writer', '--role', 'service');
  return { vkey, key };
}

/** One life and its end. @returns the head that it last published, if any */
async function liveAndDie(gateway, image, load) {
  const life = gateway.start();
  let head = null;
  if (random() < EARLY.share) {
    await sleep(random() * EARLY.most);
  } else {
    const first = load.nextAcknowledged();
    const started = performance.now();
    await gateway.ready(life);
    readyMs.push(performance.now() - started);
    await first;
    const until = Date.now() + LOAD_MS.least + random() * LOAD_MS.most;
    head = await checkpointOf(gateway.url, LEDGER).catch(() => null);
    await sleep(Math.max(0, until - Date.now()));
  }
  if (life.over()) throw new Error(`the gateway ended by itself: ${life.said()}`);
  image.cut(life.pid);
  life.kill('SIGKILL');
  await life.ended;
  image.restore();
  return head;
}

/** The last life: all is sealed, read back, and the gateway ends by itself. */
async function settle(gateway, load, vkey, heads) {
  const life = gateway.start();
  await gateway.ready(life);
  await load.stop();
  const acknowledged = [...load.tally.acknowledged.values()];
  let found;
  let size = 0;
  for (const until = Date.now() + DRAIN_MS; ; await sleep(200)) {
    size = sizeOf(await checkpointOf(gateway.url, LEDGER));
    found = compare(await readLog(gateway.url, LEDGER, size), acknowledged);
    if (found.lost.length === 0 || Date.now() > until) break;
  }
  const judged = judgeHeads(gateway.url, LEDGER, vkey, heads);
  await gateway.stop(life);
  return { ...found, size, judged };
}

async function run(image, store) {
  const more = Object.fromEntries(
    options.set.map((each) => [
      each.slice(0, each.indexOf('=')),
      each.slice(each.indexOf('=') + 1),
    ]),
  );
  const gateway = await gatewayOf(LEDGER, { data: join(image.mount, 'data'), ...store, ...more });
  const { vkey, key } = await found(gateway);
  const connections = Number(options.connections);
  const load = startLoad({
    ...gateway,
    key,
    events,
    connections,
    random: randomFrom(~Number(options.seed)),
  });
  const heads = [];
  const kills = Number(options.kills);
  for (let kill = 1; kill <= kills; kill += 1) {
    const head = await liveAndDie(gateway, image, load);
    if (head !== null) heads.push(head);
    const { acknowledged } = load.tally;
    const line = `kill ${kill} of ${kills}, acknowledged ${acknowledged.size}`;
    if (process.stderr.isTTY) process.stderr.write(`\r${line} `);
    else if (kill % 20 === 0) process.stderr.write(`${line}\n`);
  }
  if (process.stderr.isTTY) process.stderr.write('\n');
  const end = await settle(gateway, load, vkey, heads);
  const fsck = await gateway.run('--json', 'fsck', '--vkey', vkey);
  return print({ kills, end, fsck, tally: load.tally });
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Says what came of it. @returns whether all is as promised */
function print({ kills, end, fsck, tally }) {
  const { lost, doubled, repeated, size, judged } = end;
  const report = JSON.parse(fsck.stdout === '' ? '{}' : fsck.stdout);
  const findings = (report.findings ?? []).filter(({ severity }) => severity !== 'notice');
  const clean = fsck.code === 0 && findings.length === 0;
  for (const { name, ids } of tally.conflicts.slice(0, 5))
    console.log(`two entries for ${name}: ${ids}`);
  for (const each of findings.slice(0, 5)) console.log(`fsck: ${JSON.stringify(each)}`);
  if (lost.length > 0) console.log(`lost, for example ${lost.slice(0, 3).join(', ')}`);
  const answers = [...tally.answers].map(([status, times]) => `${status}: ${times}`).join(', ');
  console.log(
    `answers by status (0: the connection broke): ${answers}; sent again ${tally.retried}`,
  );
  console.log(judged.text);
  console.log(`log of ${size} entries, writes recorded twice under one key ${repeated}`);
  const seconds = [readyMs.slice(0, 5), readyMs.slice(-5)].map((each) =>
    (median(each) / 1000).toFixed(1),
  );
  console.log(`ready after ${seconds[0]} s in the first lives, ${seconds[1]} s in the last`);
  console.log(`seed ${options.seed}`);
  const what = options.power ? 'power cuts' : 'kills';
  console.log(
    `${what} ${kills}, acknowledged ${tally.acknowledged.size}, lost ${lost.length}, doubled ${doubled.length}, ` +
      `fsck ${clean ? 'clean' : `found ${findings.length} (exit ${fsck.code})`}`,
  );
  return clean && judged.ok && lost.length + doubled.length + tally.conflicts.length === 0;
}

if (options.power && options.s3 !== undefined) {
  // None of the S3 servers that run here syncs what it acknowledges.
  throw new Error('--power is for the store in files, not for --s3');
}
const ground = makeGround();
if ('skipped' in ground) {
  console.log(`skipped: ${ground.skipped}`);
} else {
  let server = null;
  try {
    if (options.s3 !== undefined) {
      server = await startS3Server(options.s3, join(ground.image.mount, 's3'));
    }
    process.exitCode = (await run(ground.image, server?.settings ?? {})) ? 0 : 1;
  } finally {
    await endAll();
    await server?.stop();
    ground.image.dispose();
  }
}

// Cuts the power of a disk under load, again and again, and looks for everything that was acknowledged.
//   node infra/powercut/run.mjs [--subject file-store|journal|unsynced] [--cuts 20] [--seed N]
// Prints `cuts N, acknowledged N, lost N, torn N` and exits with 0 when nothing was lost or torn (for `unsynced`, the
// control: when something was); where a disk cannot be mounted it says so by name and exits with 0.
// `--probe` only tells whether it could run: exit 0 or 1.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { makeImage } from './image.mjs';
import { randomFrom } from './random.mjs';

const { values: options } = parseArgs({
  options: {
    subject: { type: 'string', default: 'file-store' },
    cuts: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    probe: { type: 'boolean', default: false },
  },
});
const driver = join(import.meta.dirname, 'drive.mjs');
const DISK_MEGABYTES = 2048;
/** Load before a cut, in ms after the first acknowledgement: from nothing in the log to several of its commits. */
const LOAD_MS = { least: 20, most: 1200 };
/** One cut in four comes while the process starts and mends what the cut before it left. */
const EARLY = { share: 0.25, most: 250 };
const START_MS = 30_000;

const sleep = async (ms) => new Promise((later) => setTimeout(later, ms));
/** A deadline that does not keep this process from ending. */
const deadline = async (ms) => new Promise((later) => setTimeout(later, ms).unref());

/** Runs the load on the disk, cuts its power at a random moment, and returns what had been acknowledged. */
async function loadAndCut(image, round, random) {
  const early = random() < EARLY.share;
  const moment = random();
  const child = spawn(process.execPath, [driver, 'write', options.subject, image.mount, round], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const ended = new Promise((done) => child.once('close', () => done('ended')));
  const acknowledged = [];
  const lines = createInterface({ input: child.stdout });
  const first = new Promise((started) => {
    lines.on('line', (item) => {
      acknowledged.push(item);
      started('started');
    });
  });
  const came = early ? 'early' : await Promise.race([first, ended, deadline(START_MS)]);
  if (came === 'started' || early) {
    await sleep(early ? moment * EARLY.most : LOAD_MS.least + moment * LOAD_MS.most);
    image.cut(child.pid);
  }
  child.kill('SIGKILL');
  await ended; // and with it the last line of the pipe
  if (came !== 'started' && !early) throw new Error(`the load did not start: ${said.trim()}`);
  return acknowledged;
}

function check(image, acknowledged) {
  const input = acknowledged.map((item) => `${item}\n`).join('');
  const args = [driver, 'check', options.subject, image.mount];
  const done = spawnSync(process.execPath, args, { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.status !== 0) throw new Error(`the check failed: ${done.stderr.trim()}`);
  return JSON.parse(done.stdout);
}

/** Keeps what is new, and says when and where it was first seen. */
function note(what, items, known, cut) {
  const fresh = items.filter((item) => !known.has(item));
  for (const item of fresh) known.add(item);
  if (fresh.length === 0) return;
  console.log(
    `${what} after cut ${cut}: ${fresh.length}, for example ${fresh.slice(0, 3).join(', ')}`,
  );
}

async function run(image) {
  const random = randomFrom(Number(options.seed));
  const acknowledged = [];
  const lost = new Set();
  const torn = new Set();
  const cuts = Number(options.cuts);
  for (let cut = 1; cut <= cuts; cut += 1) {
    acknowledged.push(...(await loadAndCut(image, String(cut), random)));
    image.restore();
    // All of it every time: a later cut must not take what an earlier one left.
    const found = check(image, acknowledged);
    note('lost', found.lost, lost, cut);
    note('torn', found.torn, torn, cut);
    if (process.stderr.isTTY) process.stderr.write(`\rcut ${cut} of ${cuts}`);
  }
  if (process.stderr.isTTY) process.stderr.write('\r');
  console.log(`seed ${options.seed}, subject ${options.subject}`);
  console.log(
    `cuts ${cuts}, acknowledged ${acknowledged.length}, lost ${lost.size}, torn ${torn.size}`,
  );
  return lost.size + torn.size;
}

const made = makeImage(DISK_MEGABYTES);
if ('skipped' in made) {
  console.log(`skipped: ${made.skipped}`);
  process.exitCode = options.probe ? 1 : 0;
} else {
  try {
    if (!options.probe) {
      const bad = await run(made.image);
      process.exitCode = bad > 0 === (options.subject === 'unsynced') ? 0 : 1;
    }
  } finally {
    made.image.dispose();
  }
}

// What is put under a power cut. Each subject writes from several writers at once and calls `ack` only for what it was
// told is durable; `check` then looks for all of it, in a fresh process, through the subject's own ports.
// An item's bytes follow from its name, so that whatever is found can be judged, acknowledged or not.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const WRITERS = 8;
const REST_MS = 15;
const built = resolve(process.env.DIST_FOLDER ?? join(import.meta.dirname, '../../dist'));
const load = async (path) => import(pathToFileURL(join(built, path)).href);

/** Bytes of an item: 1 to 8,000 of them, none of which an empty or half-written file would have. */
function bytesOf(name) {
  const seed = createHash('sha256').update(name).digest();
  const bytes = Buffer.alloc(1 + (seed.readUInt32BE(0) % 8000));
  for (let at = 0; at < bytes.length; at += seed.length) seed.copy(bytes, at);
  return bytes;
}

/**
 * Runs the writers until the disk is gone: the first error of each ends it. Every other round is a quiet one, a single
 * writer that rests: among many, the sync of one makes durable what another forgot to sync.
 */
async function untilTheDiskIsGone(round, write) {
  const quiet = Number(round) % 2 === 0;
  const loops = Array.from({ length: quiet ? 1 : WRITERS }, async (_, loop) => {
    for (let count = 0; ; count += 1) {
      await write(quiet ? count % WRITERS : loop, count);
      if (quiet) await new Promise((later) => setTimeout(later, REST_MS));
    }
  });
  const [first] = await Promise.allSettled(loops);
  console.error(first.reason); // Of use only when the disk is still there.
}

/** The control: acknowledges without a sync. A harness in which this loses nothing shows nothing. */
const unsynced = {
  async write(folder, round, ack) {
    mkdirSync(join(folder, 'plain'), { recursive: true });
    await untilTheDiskIsGone(round, async (writer, count) => {
      const name = `${round}-${writer}-${count}`;
      await writeFile(join(folder, 'plain', name), bytesOf(name), { flag: 'wx' });
      ack(name);
    });
  },
  async check(folder, acknowledged) {
    const root = join(folder, 'plain');
    const present = new Set(existsSync(root) ? readdirSync(root) : []);
    return {
      lost: acknowledged.filter((name) => !present.has(name)),
      torn: [...present].filter((name) => !bytesOf(name).equals(readFileSync(join(root, name)))),
    };
  },
};

const DAY_MS = 86_400_000;
const random = (count) => new Uint8Array(randomBytes(count));

async function fileStore(folder) {
  const { openFileStore } = await load('storage/file-store.js');
  return openFileStore({ folder: join(folder, 'store'), clock: () => Date.now(), random });
}

/**
 * The file store: seven writers create objects, half of them locked, in folders that all share and in new ones; the
 * eighth replaces one object again and again, as the published checkpoint is.
 */
const objects = {
  async write(folder, round, ack) {
    const store = await fileStore(folder);
    await untilTheDiskIsGone(round, async (writer, count) => {
      if (writer === 0) return replaceHead(store, `${round}-${count}`, ack);
      const place = count % 50 === 0 ? `new-${writer}-${count}` : 'shared';
      const lock = count % 2 === 0 ? 'locked' : 'plain';
      const key = `cut/${round}/${place}/${lock}-${writer}-${count}`;
      const until = (Math.floor(Date.now() / 1000) + 1) * 1000 + DAY_MS;
      const retention = lock === 'locked' ? { mode: 'compliance', until } : null;
      await store.putNew(key, bytesOf(key), { retention, contentType: 'text/plain' });
      ack(key);
    });
  },
  async check(folder, acknowledged) {
    const store = await fileStore(folder);
    const keys = new Set(await store.list('cut/'));
    const torn = [];
    for (const key of keys) {
      const found = await store.get(key);
      if (found === null || !bytesOf(key).equals(found.bytes)) torn.push(key);
    }
    const lost = [];
    for (const item of acknowledged.filter((name) => !name.startsWith('head '))) {
      const locked = item.includes('/locked-');
      if (!keys.has(item)) lost.push(item);
      else if (locked && (await store.head(item))?.retention === null) lost.push(`lock of ${item}`);
    }
    const head = await readHead(store);
    if (head.torn) torn.push(HEAD_KEY);
    const reached = Math.max(
      0,
      ...acknowledged.map((item) => Number(/^head (\d+)/.exec(item)?.[1]) || 0),
    );
    if (head.number < reached) lost.push(`head ${reached}, found ${head.number}`);
    return { lost, torn };
  },
};

const HEAD_KEY = 'head';

/**
 * Replaces the one mutable object by its successor. A store that was cut in the middle of a swap may finish it first, and
 * then says that the object is not the one that was read: once more is enough.
 */
async function replaceHead(store, name, ack, again = true) {
  const { number, etag } = await readHead(store);
  const line = `${number + 1} ${name} `;
  const bytes = Buffer.from(`${line}${createHash('sha256').update(line).digest('hex')}`);
  try {
    await store.replace(HEAD_KEY, bytes, { etag, contentType: 'text/plain' });
  } catch (error) {
    if (again && error.code === 'precondition_failed') return replaceHead(store, name, ack, false);
    throw error;
  }
  ack(`head ${number + 1}`);
}

async function readHead(store) {
  const found = await store.get(HEAD_KEY);
  if (found === null) return { number: 0, etag: null, torn: false };
  const text = Buffer.from(found.bytes).toString();
  const line = text.slice(0, text.lastIndexOf(' ') + 1);
  const torn = !text.endsWith(` ${createHash('sha256').update(line).digest('hex')}`);
  return { number: torn ? 0 : Number(line.split(' ')[0]), etag: found.etag, torn };
}

const GENESIS = 'powercut';

/** Takes the journal's folder as a starting gateway does. */
async function takeJournal(folder) {
  const { openWriterFolder, takeOver } = await load('ledger/journal/writer-folder.js');
  const { journalFiles } = await load('ledger/context/files.js');
  const home = await openWriterFolder(journalFiles, join(folder, 'writer'), random);
  return { home, journalFiles, ...(await takeOver(journalFiles, home, GENESIS)) };
}

/** The journal: eight writers append entries; each start takes over what the boots before it left. */
const journal = {
  async write(folder, round, ack) {
    const { Journal } = await load('ledger/journal/journal.js');
    const { entryRecord } = await load('ledger/journal/records.js');
    const { home, journalFiles, nextNumber } = await takeJournal(folder);
    const boot = randomBytes(16).toString('base64url');
    const head = () => ({ writer: home.writer, boot, gen: GENESIS, base: 0, cert: [] });
    const place = { folder: home.journal, boot, firstNumber: nextNumber, head };
    const log = new Journal(journalFiles, place, () => undefined);
    await untilTheDiskIsGone(round, async (writer, count) => {
      const name = `${round}-${writer}-${count}`;
      await log.append([entryRecord(name, bytesOf(name).toString('base64'))]);
      ack(name);
    });
  },
  async check(folder, acknowledged) {
    const { home, segments } = await takeJournal(folder);
    await home.lock.release();
    const found = new Map();
    const torn = [];
    for (const { jws, record } of segments.flatMap(({ entries }) => entries)) {
      const name = Buffer.from(jws).toString();
      if (found.has(name)) torn.push(`${name} twice`);
      found.set(name, true);
      if (Buffer.from(record).toString() !== bytesOf(name).toString('base64')) torn.push(name);
    }
    return { lost: acknowledged.filter((name) => !found.has(name)), torn };
  },
};

export const subjects = { unsynced, 'file-store': objects, journal };

/**
 * Adds files to a bundle without touching what was built: a gzip file is a series of members (RFC 1952 section 2.2), so the
 * added files are one more member, in front. What is behind it is byte for byte what the compiler wrote.
 */
import { crc32 } from 'node:zlib';
import { packTar } from 'modern-tar';
import { concatBytes, equalBytes, utf8Bytes } from '../../core/platform/bytes.ts';

/** As OPA writes them: nothing of the machine that made the archive. */
const HEADER = { mode: 0o600, uid: 0, gid: 0, mtime: new Date(0), type: 'file' } as const;
/** Two blocks of zeros end a tar; here the archive goes on. */
const TAR_END_BYTES = 1024;
/** Longest stored block of deflate (RFC 1951 section 3.2.4). */
const STORED_BYTES_MAX = 65_535;
const STORED_HEAD_BYTES = 5;
const GZIP_TAIL_BYTES = 8;
/** No name, no time, and "unknown" for the system: the same on every machine (RFC 1952 section 2.3). */
const GZIP_HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

/**
 * Puts files in front of those of an archive. The same input gives the same bytes on every machine: the new member is
 * stored, not compressed, because compressors differ.
 *
 * @param archive - A gzipped tar that holds none of the names.
 * @param files - By name without leading slash; ascending in the archive.
 */
export async function prependFiles(
  archive: Uint8Array,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<Uint8Array> {
  const names = [...files.keys()].sort();
  const tar = await packTar(
    names.map((name) => {
      const body = files.get(name) ?? new Uint8Array(0);
      return { header: { ...HEADER, name: `/${name}`, size: body.length }, body };
    }),
  );
  return concatBytes(storedMember(tar.subarray(0, tar.length - TAR_END_BYTES)), archive);
}

function storedMember(content: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [GZIP_HEADER];
  for (let start = 0; start < content.length; start += STORED_BYTES_MAX) {
    const block = content.subarray(start, start + STORED_BYTES_MAX);
    const last = start + block.length === content.length ? 1 : 0;
    const head = Buffer.alloc(STORED_HEAD_BYTES);
    head.writeUInt8(last, 0);
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(block.length ^ 0xffff, 3);
    parts.push(head, block);
  }
  const tail = Buffer.alloc(GZIP_TAIL_BYTES);
  tail.writeUInt32LE(crc32(content), 0);
  tail.writeUInt32LE(content.length, 4);
  return concatBytes(...parts, tail);
}

/**
 * Takes away what {@link prependFiles} put in front.
 *
 * @param name - The first of the added files; an archive that does not begin with it is given back as it is.
 */
export function withoutPrepended(archive: Uint8Array, name: string): Uint8Array {
  const start = GZIP_HEADER.length;
  const tarName = utf8Bytes(`/${name}\0`);
  const firstName = archive.subarray(start + STORED_HEAD_BYTES).subarray(0, tarName.length);
  if (!equalBytes(archive.subarray(0, start), GZIP_HEADER) || !equalBytes(firstName, tarName)) {
    return archive;
  }
  const view = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  for (let at = start, last = false; at + STORED_HEAD_BYTES <= view.length;) {
    last = view.readUInt8(at) === 1;
    at += STORED_HEAD_BYTES + view.readUInt16LE(at + 1);
    if (last) return archive.subarray(at + GZIP_TAIL_BYTES);
  }
  return archive;
}

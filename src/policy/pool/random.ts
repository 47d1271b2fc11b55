import { randomFillSync } from 'node:crypto';

/** Random bytes are drawn by the page: a call for 32 of them costs more than the bytes. */
const PAGE_BYTES = 4096;

/** @returns a source of unpredictable bytes; no byte is given twice. */
export function pagedRandom(): (bytes: number) => Uint8Array {
  let page = new Uint8Array(0);
  let used = 0;
  return (bytes) => {
    if (bytes > PAGE_BYTES) return randomFillSync(new Uint8Array(bytes));
    if (used + bytes > page.length) {
      page = randomFillSync(new Uint8Array(PAGE_BYTES));
      used = 0;
    }
    const given = page.subarray(used, used + bytes);
    used += bytes;
    return given;
  };
}

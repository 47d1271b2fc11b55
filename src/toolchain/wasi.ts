/**
 * What a Go program asks of WASI preview 1: clock, chance and a place for its last words. No files, no arguments, no
 * environment and no network; whatever else is called answers "not supported".
 */
import { randomFillSync } from 'node:crypto';
import type { HostFunctions } from './wasm.ts';

/** Error numbers of WASI preview 1. */
const OK = 0;
const BAD_DESCRIPTOR = 8;
const NOT_SUPPORTED = 58;

const REALTIME = 0;
const STANDARD_ERROR = 2;
const CHARACTER_DEVICE = 2;
const NANOSECONDS_PER_MILLISECOND = 1_000_000;
/** Characters of what the program printed that are kept: the head of a crash report says why. */
const WORDS_MAX = 4096;

/** The imports of a module, and what it printed. */
export interface WasiHost {
  readonly functions: HostFunctions;
  /** Has to be told the memory before the module runs. */
  memory: { readonly buffer: ArrayBuffer };
  /** The first characters of what the program printed. */
  readonly words: () => string;
}

/** Makes the host side for one instance. @param names - What the module imports. */
export function wasiHost(names: readonly string[]): WasiHost {
  let words = '';
  const host: { memory: WasiHost['memory'] } = { memory: { buffer: new ArrayBuffer(0) } };
  const view = (): DataView => new DataView(host.memory.buffer);
  const zero = (...addresses: number[]): number => {
    for (const address of addresses) view().setUint32(address, 0, true);
    return OK;
  };
  const known: HostFunctions = {
    args_get: () => OK,
    args_sizes_get: zero,
    environ_get: () => OK,
    environ_sizes_get: zero,
    sched_yield: () => OK,
    fd_prestat_get: () => BAD_DESCRIPTOR,
    fd_fdstat_set_flags: () => OK,
    fd_fdstat_get: (descriptor: number, address: number) => {
      if (descriptor > STANDARD_ERROR) return BAD_DESCRIPTOR;
      new Uint8Array(host.memory.buffer, address, 24).fill(0);
      view().setUint8(address, CHARACTER_DEVICE);
      return OK;
    },
    clock_time_get: (clock: number, _precision: bigint, address: number) => {
      const at = clock === REALTIME ? Date.now() : performance.now();
      view().setBigUint64(address, BigInt(Math.round(at * NANOSECONDS_PER_MILLISECOND)), true);
      return OK;
    },
    random_get: (address: number, length: number) => {
      randomFillSync(new Uint8Array(host.memory.buffer, address, length));
      return OK;
    },
    // One thread: whoever sleeps is woken at once, and asks the clock again.
    poll_oneoff: (_in: number, _out: number, _count: number, address: number) => {
      view().setUint32(address, 1, true);
      return OK;
    },
    fd_write: (_descriptor: number, vectors: number, count: number, address: number) => {
      let length = 0;
      for (let at = vectors; at < vectors + 8 * count; at += 8) {
        const bytes = view().getUint32(at + 4, true);
        const text = Buffer.from(host.memory.buffer, view().getUint32(at, true), bytes);
        words = `${words}${text.toString('utf8')}`.slice(0, WORDS_MAX);
        length += bytes;
      }
      view().setUint32(address, length, true);
      return OK;
    },
    proc_exit: (code: number): never => {
      throw new Error(`the program ended with code ${code}`);
    },
  };
  const functions = Object.fromEntries(
    names.map((name) => [name, known[name] ?? (() => NOT_SUPPORTED)]),
  );
  return Object.assign(host, { functions, words: () => words });
}

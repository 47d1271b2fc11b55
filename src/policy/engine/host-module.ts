/**
 * Instances of modules that call host functions. The package's own bridge hands arguments over as JSON, in which sets are
 * arrays and numbers are doubles; here they cross as Rego text, as they do in OPA's own host.
 */
import { utf8Text } from '../../core/platform/bytes.ts';
import { HOST_BUILTINS } from './builtins/index.ts';
import { BuiltinLimitError } from './builtins/builtin.ts';
import { BuiltinFailure } from './builtins/operand.ts';
import type { HostBuiltin } from './builtins/builtin.ts';
import { formatRego, parseRego } from '../contract/rego-text.ts';
import { linkModule } from './wasm-module.ts';
import type { LoadedModule, OpaExports, WasmMemory, WasmModule } from './wasm-module.ts';

/** UTF-8 bytes of one argument or result: twice the largest input. Costs about 10 ms. */
const VALUE_BYTES_MAX = 1024 * 1024;
/** Bytes that host functions read and wrote in one evaluation. */
const TRAFFIC_BYTES_MAX = 64 * 1024 * 1024;

/** What a built-in that fails returns to the module. */
const UNDEFINED = 0;

/** Makes an instance whose host functions are those of {@link HOST_BUILTINS}. @throws whatever the module's start does. */
export function instantiateWithHost(module: WasmModule, pagesMax: number): LoadedModule {
  const host = new Host();
  const abort = (address: number): never => {
    throw new Error(host.text(address));
  };
  const call = (id: number, _context: number, ...args: number[]): number => host.call(id, args);
  const imports = Object.fromEntries([0, 1, 2, 3, 4].map((n) => [`opa_builtin${n}`, call]));
  const { memory, exports } = linkModule(module, pagesMax, { ...imports, opa_abort: abort });
  return host.start(memory, exports);
}

class Host {
  #memory: WasmMemory | undefined;
  #exports: OpaExports | undefined;
  #builtins = new Map<number, HostBuiltin>();
  #traffic = 0;

  start(mem: WasmMemory, exports: OpaExports): LoadedModule {
    this.#memory = mem;
    this.#exports = exports;
    for (const [name, id] of Object.entries(this.#table(exports.builtins()))) {
      const builtin = HOST_BUILTINS.get(name);
      if (builtin !== undefined) this.#builtins.set(id, builtin);
    }
    const entrypoints = this.#table(exports.entrypoints());
    const evaluate: OpaExports['opa_eval'] = (...args) => {
      this.#traffic = 0;
      return exports.opa_eval(...args);
    };
    return {
      entrypoints,
      wasmInstance: { exports: { ...exports, opa_eval: evaluate } },
      mem,
      baseHeapPtr: exports.opa_heap_ptr_get(),
    };
  }

  call(id: number, addresses: readonly number[]): number {
    const builtin = this.#builtins.get(id);
    if (builtin === undefined) throw new Error(`built-in ${id} is not of this engine`);
    const args = addresses.map((address) => this.#read(address));
    try {
      return this.#write(formatRego(builtin.call(...args)));
    } catch (error) {
      if (error instanceof BuiltinFailure) return UNDEFINED;
      throw error;
    }
  }

  /** The NUL-terminated text at `address`. */
  text(address: number): string {
    const memory = Buffer.from(this.#parts().memory.buffer);
    const end = memory.indexOf(0, address);
    if (address <= 0 || end < 0) throw new Error('text lies outside the memory');
    this.#count(end - address);
    return utf8Text(memory.subarray(address, end));
  }

  #read(address: number): ReturnType<typeof parseRego> {
    const { exports } = this.#parts();
    const dumped = exports.opa_value_dump(address);
    const text = this.text(dumped);
    exports.opa_free(dumped);
    return parseRego(text);
  }

  /** The module's values point into the text they were read from, so it stays where it is. */
  #write(text: string): number {
    const { exports, memory } = this.#parts();
    const bytes = Buffer.from(text, 'utf8');
    this.#count(bytes.length);
    const address = exports.opa_malloc(bytes.length);
    Buffer.from(memory.buffer).set(bytes, address);
    const value = exports.opa_value_parse(address, bytes.length);
    if (value === 0) throw new Error('result of a built-in does not parse inside the module');
    return value;
  }

  #table(address: number): Record<string, number> {
    const { exports } = this.#parts();
    return JSON.parse(this.text(exports.opa_json_dump(address))) as Record<string, number>;
  }

  #count(bytes: number): void {
    this.#traffic += bytes;
    if (bytes > VALUE_BYTES_MAX || this.#traffic > TRAFFIC_BYTES_MAX) {
      throw new BuiltinLimitError(`value of ${bytes} bytes is too much for a built-in`);
    }
  }

  #parts(): { memory: WasmMemory; exports: OpaExports } {
    if (this.#memory === undefined || this.#exports === undefined) {
      throw new Error('module called its host before it was started');
    }
    return { memory: this.#memory, exports: this.#exports };
  }
}

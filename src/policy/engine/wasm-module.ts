/**
 * The part of the WebAssembly interface and of the opa-wasm package that the engine uses, with types of our own: the
 * package's are wrong for ES modules, and Node's type library has none for WebAssembly.
 */
import { createRequire } from 'node:module';
import { BundleError } from '../contract/policy-error.ts';

/** A compiled module. Opaque; may be posted to a worker, which then shares its code. */
export interface WasmModule {
  readonly __wasmModule?: never;
}

/** A module's memory. Growing it replaces the buffer. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Functions that a module imports, by name; addresses and ids are 32-bit integers. */
export type HostFunctions = Readonly<Record<string, (...args: number[]) => number>>;

interface WasmApi {
  readonly Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
  readonly Instance: new (
    module: WasmModule,
    imports: { env: Readonly<Record<string, HostFunctions[string] | WasmMemory>> },
  ) => { readonly exports: OpaExports };
  readonly Module: {
    new (bytes: Uint8Array): WasmModule;
    imports(module: WasmModule): { module: string; name: string; kind: string }[];
    exports(module: WasmModule): { name: string; kind: string }[];
  };
  readonly LinkError: abstract new () => Error;
}

/** Functions of OPA's ABI 1.2 that the engine calls. Addresses and lengths are bytes of the module's memory. */
export interface OpaExports {
  opa_eval(
    reserved: number,
    entrypoint: number,
    data: number,
    input: number,
    inputLength: number,
    heap: number,
    format: number,
  ): number;
  opa_malloc(bytes: number): number;
  opa_json_parse(address: number, length: number): number;
  opa_json_dump(address: number): number;
  opa_heap_ptr_get(): number;
  opa_heap_ptr_set(address: number): void;
  opa_free(address: number): void;
  opa_value_dump(address: number): number;
  opa_value_parse(address: number, length: number): number;
  builtins(): number;
  entrypoints(): number;
  readonly opa_wasm_abi_version: { readonly value: number };
  readonly opa_wasm_abi_minor_version: { readonly value: number };
}

/** What the package's loader gives back, as far as it is used. */
export interface LoadedModule {
  readonly entrypoints: Readonly<Record<string, number>>;
  readonly wasmInstance: { readonly exports: OpaExports };
  readonly mem: WasmMemory;
  readonly baseHeapPtr: number;
}

interface OpaPackage {
  loadPolicySync(
    module: WasmModule,
    memory: { initial: number; maximum: number },
    builtins: Record<string, never>,
  ): LoadedModule;
}

const wasm = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;
/** The ES module of the package lacks the synchronous loader, so its CommonJS form is taken. */
const require = createRequire(import.meta.url);
const opa = require('@open-policy-agent/opa-wasm') as OpaPackage;

/** What a module may import: OPA's own host interface and nothing beside it. */
const IMPORTS = new Set([
  'memory:memory',
  'opa_abort:function',
  'opa_builtin0:function',
  'opa_builtin1:function',
  'opa_builtin2:function',
  'opa_builtin3:function',
  'opa_builtin4:function',
]);
const EXPORTS = [
  'opa_eval',
  'opa_malloc',
  'opa_json_parse',
  'opa_json_dump',
  'opa_free',
  'opa_value_dump',
  'opa_value_parse',
  'opa_heap_ptr_get',
  'opa_heap_ptr_set',
  'builtins',
  'entrypoints',
  'opa_wasm_abi_version',
  'opa_wasm_abi_minor_version',
];
/** Enough for the policies seen (2 to 3 pages); a larger one says so when it is linked, and gets more. */
const INITIAL_PAGES = 16;

/**
 * Compiles a module and checks its interface: imports only OPA's, exports what the engine calls.
 *
 * @param bytes - `policy.wasm`. A few milliseconds for 150 KB.
 * @throws {@link BundleError}
 */
export function compileModule(bytes: Uint8Array): WasmModule {
  let module: WasmModule;
  try {
    module = new wasm.Module(bytes);
  } catch (cause) {
    throw new BundleError('policy module is not WebAssembly', cause);
  }
  for (const { module: space, name, kind } of wasm.Module.imports(module)) {
    if (space !== 'env' || !IMPORTS.has(`${name}:${kind}`)) {
      throw new BundleError(`policy module imports ${space}.${name}, which is not of OPA's ABI`);
    }
  }
  const exported = new Set(wasm.Module.exports(module).map((entry) => entry.name));
  const missing = EXPORTS.find((name) => !exported.has(name));
  if (missing !== undefined) {
    throw new BundleError(`policy module has no ${missing}: its ABI is older than 1.2`);
  }
  return module;
}

/** Makes an instance with empty data. @throws {@link BundleError} or whatever the module's start does. */
export function instantiate(module: WasmModule, pagesMax: number): LoadedModule {
  return withPages(pagesMax, (memory) => opa.loadPolicySync(module, memory, {}));
}

/** Makes an instance over a memory and host functions of our own. @throws whatever the module's start does. */
export function linkModule(
  module: WasmModule,
  pagesMax: number,
  functions: HostFunctions,
): { memory: WasmMemory; exports: OpaExports } {
  return withPages(pagesMax, (size) => {
    const memory = new wasm.Memory(size);
    const { exports } = new wasm.Instance(module, { env: { ...functions, memory } });
    return { memory, exports };
  });
}

function withPages<T>(
  pagesMax: number,
  link: (size: { initial: number; maximum: number }) => T,
): T {
  for (let initial = Math.min(INITIAL_PAGES, pagesMax); ; initial *= 2) {
    try {
      return link({ initial, maximum: pagesMax });
    } catch (error) {
      if (!(error instanceof wasm.LinkError) || initial * 2 > pagesMax) throw error;
    }
  }
}
